//go:build race

package pixel

// memoryFactor: the race detector keeps four bytes of shadow for each byte.
const memoryFactor = 6
