// GDCM in process: read and decode. It has neither windows nor scaling of its own; what a user would add, a linear
// window and the average of each target pixel's area, is written here as plain loops.
#include <gdcmImage.h>
#include <gdcmImageReader.h>
#include <gdcmTrace.h>

#include "timing.h"

template <typename T>
static void shrink(std::vector<unsigned char> &out, const T *from, unsigned width, unsigned height, unsigned samples, unsigned w, unsigned h,
                   double low, double scale) {
    for (unsigned y = 0; y < h; y++)
        for (unsigned x = 0; x < w; x++)
            for (unsigned s = 0; s < samples; s++) {
                unsigned top = y * height / h, bottom = (y + 1) * height / h, left = x * width / w, right = (x + 1) * width / w;
                double sum = 0;
                for (unsigned j = top; j < bottom; j++)
                    for (unsigned i = left; i < right; i++)
                        sum += std::min(std::max((from[(j * (size_t)width + i) * samples + s] - low) * scale, 0.0), 255.0);
                out[(y * (size_t)w + x) * samples + s] = sum / ((bottom - top) * (right - left));
            }
}

static const char *picture(const char *name) {
    gdcm::ImageReader reader;
    reader.SetFileName(name);
    if (!reader.Read()) return "cannot read";
    const gdcm::Image &image = reader.GetImage();
    std::vector<char> buffer(image.GetBufferLength());
    if (!image.GetBuffer(buffer.data())) return "cannot decode";
    gdcm::PixelFormat format = image.GetPixelFormat();
    unsigned width = image.GetDimension(0), height = image.GetDimension(1), samples = format.GetSamplesPerPixel();
    unsigned longest = std::max(width, height), w = width * 384 / longest, h = height * 384 / longest;
    std::vector<unsigned char> out((size_t)w * h * samples);
    if (format.GetBitsAllocated() == 8)
        shrink(out, (const unsigned char *)buffer.data(), width, height, samples, w, h, 0, 1);
    else if (format.GetPixelRepresentation() == 1)
        shrink(out, (const short *)buffer.data(), width, height, samples, w, h, -160, 255.0 / 400);
    else
        shrink(out, (const unsigned short *)buffer.data(), width, height, samples, w, h, 200, 255.0 / 3600);
    return nullptr;
}

int main(int argc, char **argv) {
    gdcm::Trace::WarningOff();
    gdcm::Trace::ErrorOff();
    for (int i = 2; i < argc; i++) measure("gdcm", argv[i], atoi(argv[1]), picture);
}
