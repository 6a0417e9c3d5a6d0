// What the C++ programs of the picture bench share: repeat, take the median, print a line of JSON.
#pragma once
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <vector>

static double milliseconds(clockid_t id) {
    timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

// measure times picture, which returns what went wrong or nullptr, repeats times and once before.
static void measure(const char *peer, const char *name, int repeats, const std::function<const char *(const char *)> &picture) {
    std::vector<double> cpu, wall;
    const char *slash = strrchr(name, '/');
    const char *file = slash ? slash + 1 : name;
    for (int i = 0; i <= repeats; i++) {
        double busy = milliseconds(CLOCK_PROCESS_CPUTIME_ID), start = milliseconds(CLOCK_MONOTONIC);
        if (const char *error = picture(name)) {
            printf("{\"peer\":\"%s\",\"file\":\"%s\",\"error\":\"%s\"}\n", peer, file, error);
            return;
        }
        if (i == 0) continue;
        cpu.push_back(milliseconds(CLOCK_PROCESS_CPUTIME_ID) - busy);
        wall.push_back(milliseconds(CLOCK_MONOTONIC) - start);
    }
    std::sort(cpu.begin(), cpu.end());
    std::sort(wall.begin(), wall.end());
    printf("{\"peer\":\"%s\",\"file\":\"%s\",\"cpu\":%.4f,\"wall\":%.4f}\n", peer, file, cpu[cpu.size() / 2], wall[wall.size() / 2]);
    fflush(stdout);
}
