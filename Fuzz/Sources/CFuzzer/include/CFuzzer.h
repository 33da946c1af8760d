// SPDX-License-Identifier: MIT
//
// What the compiler's fuzzer offers to a program that has its own main. Source: compiler-rt/lib/fuzzer/FuzzerInterface.h.

#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*test)(const uint8_t *data, size_t size));
