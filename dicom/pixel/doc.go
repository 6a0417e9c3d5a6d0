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
// are present can fill. [Displayable], [SpreadFrames] and [Quality] choose what
// is worth showing.
package pixel
