// SPDX-License-Identifier: MIT
//
// mark begin|end: for scripts.
#include "mark.h"

#include <string.h>

int main(int count, char **arguments)
{
	if (count == 2 && !strcmp(arguments[1], "begin"))
		mark_begin();
	else if (count == 2 && !strcmp(arguments[1], "end"))
		mark_end();
	else
		return 2;
	return 0;
}
