/* SPDX-License-Identifier: MIT */
/*
 * A mark: an instruction that does nothing and that no compiler makes, a nopl with 0xNNeeedf0 as its displacement. What
 * is counted of a guest is counted from BEGIN to END (see Kernel/instructions.c).
 */
#ifndef MARK_H
#define MARK_H

#define MARK_BYTES 0x0f, 0x1f, 0x80, 0xf0, 0xed, 0xee
#define MARK_BEGIN 1
#define MARK_END 2

#define MARK_TEXT(...) #__VA_ARGS__
#define MARK_ASSEMBLY(...) __asm__ volatile(".byte " MARK_TEXT(__VA_ARGS__) ::: "memory")

static inline void mark_begin(void)
{
	MARK_ASSEMBLY(MARK_BYTES, MARK_BEGIN);
}

static inline void mark_end(void)
{
	MARK_ASSEMBLY(MARK_BYTES, MARK_END);
}

#endif
