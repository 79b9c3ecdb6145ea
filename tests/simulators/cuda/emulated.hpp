/* How the fake driver runs kernels on the host. */
#pragma once
#include "machine.cuh"
#include <functional>

/* Run kernel for every thread of the grid; meeting: its threads wait for each other. */
void run_grid(dim grid, dim block, bool meeting, const std::function<void()> &kernel);
