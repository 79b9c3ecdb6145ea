#pragma once
#include "emulated.hpp"
#include <string>

struct Kernel {
    const char *name;
    bool meeting;
    void (*run)(void **given);
};

/* The kernel of that name, or nullptr. */
const Kernel *kernel_named(const std::string &name);
