// DCMTK in process: load, decode, first window of the header, scale to 384 on the long side with interpolation, 8 bits.
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmimage/diregist.h>
#include <dcmtk/dcmimgle/dcmimage.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>

#include <memory>

#include "timing.h"

static const char *picture(const char *name) {
    DcmFileFormat file;
    if (file.loadFile(name).bad()) return "cannot load";
    // With partial access to pixel data it would decode twice.
    DicomImage image(file.getDataset(), file.getDataset()->getOriginalXfer(), CIF_MayDetachPixelData, 0, 1);
    if (image.getStatus() != EIS_Normal) return "cannot decode";
    if (image.isMonochrome() && !image.setWindow(0)) image.setMinMaxWindow();
    bool wide = image.getWidth() >= image.getHeight();
    std::unique_ptr<DicomImage> scaled(wide ? image.createScaledImage(384ul, 0ul, 1, 1) : image.createScaledImage(0ul, 384ul, 1, 1));
    return scaled && scaled->getOutputData(8) ? nullptr : "cannot scale";
}

int main(int argc, char **argv) {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
    DcmRLEDecoderRegistration::registerCodecs();
    for (int i = 2; i < argc; i++) measure("dcmtk", argv[i], atoi(argv[1]), picture);
}
