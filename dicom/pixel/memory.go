//go:build !race

package pixel

// memoryFactor is how much more memory this build needs than a plain one.
const memoryFactor = 1
