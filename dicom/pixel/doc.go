// Package pixel turns the frames of DICOM objects into 8-bit pictures as a
// radiologist would see them: stored values (PS3.3 C.7.6.3, PS3.5 8) through
// the modality transform (C.11.1), the VOI transform (C.11.2) and the
// presentation shape (C.11.6); palettes and colour spaces (C.7.6.3.1.2, C.7.9)
// to RGB.
//
//	obj, err := dicom.Scan(file, size)
//	img, err := pixel.Open(file, size, obj)
//	picture, err := img.Frame(1, pixel.Window{})
//
// Frames are read one at a time, and no more is allocated than the bytes that
// are present can fill. Compressed ones are decoded by workers, which start with
// the first such frame and end when none came for a while: this binary runs
// itself again, and package init turns it into a worker that cannot open,
// connect or start anything, may allocate so much and take so long. A frame that
// kills its worker is an [Error] with the code [Decoder]; the next one has a new
// worker.
//
// [Displayable], [SpreadFrames], [ContentFrames] and [Quality] choose what is
// worth showing, and [PresetFor] the window to show it in.
package pixel
