// SPDX-License-Identifier: MIT

#include "ConformanceCalls.h"
