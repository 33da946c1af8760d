// SPDX-License-Identifier: MIT
//
// A plugin for QEMU that counts the guest's instructions, the kernel's and the others' apart. A halted processor executes
// none, so that waiting is not counted. For each stretch between two marks (guest/mark.h) it writes a line to the file
// given as `out`: instructions of the kernel, instructions of programs.
//
// QEMU's header for plugins is not packaged: what is used of version 1 of the interface is declared here.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "guest/mark.h"

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0, QEMU_PLUGIN_CB_NO_REGS = 0 };

typedef void (*translated)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*executed)(unsigned int processor, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, executed, int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int operation, void *, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

// By whether the address is one of the kernel's; and as they were at the last BEGIN. Not atomic: the guest has one
// processor.
static uint64_t counts[2], begun[2];
static FILE *out;

static void marked(unsigned int processor, void *which)
{
	(void)processor;
	if ((uintptr_t)which == MARK_BEGIN) {
		memcpy(begun, counts, sizeof(begun));
		return;
	}
	fprintf(out, "%llu %llu\n", (unsigned long long)(counts[1] - begun[1]), (unsigned long long)(counts[0] - begun[0]));
	fflush(out);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
	static const unsigned char mark[] = { MARK_BYTES };
	size_t i, count = qemu_plugin_tb_n_insns(block);

	(void)id;
	for (i = 0; i < count; i++) {
		struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
		const unsigned char *bytes = qemu_plugin_insn_data(instruction);
		bool kernel = qemu_plugin_insn_vaddr(instruction) >> 63;

		qemu_plugin_register_vcpu_insn_exec_inline(instruction, QEMU_PLUGIN_INLINE_ADD_U64, &counts[kernel], 1);
		if (qemu_plugin_insn_size(instruction) == sizeof(mark) + 1 && !memcmp(bytes, mark, sizeof(mark)))
			qemu_plugin_register_vcpu_insn_exec_cb(instruction, marked, QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)bytes[sizeof(mark)]);
	}
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count, char **arguments)
{
	(void)info;
	if (count != 1 || strncmp(arguments[0], "out=", 4))
		return -1;
	out = fopen(arguments[0] + 4, "w");
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
