# SPDX-License-Identifier: MIT
#
# Tests of Kernel/apply on the source tree that was unpacked and on a newer one, and of our C by that tree's own rules. Sourced
# by Kernel/test.

# Whether apply refuses $work/tried with these words and changes nothing there.
refuses() { # words, description, apply's arguments
    local words=$1 what=$2 said
    shift 2
    rm -rf "$work/before"
    cp -a "$work/tried" "$work/before"
    if ! said=$(./apply "$work/tried" "$@" 2>&1) && grep -qF -- "$words" <<<"$said" && diff -r "$work/before" "$work/tried" >&2; then
        echo "ok apply: $what"
    else
        echo "not ok apply: $what"
        sed 's/^/# /' <<<"$said"
    fi
}

tree_tests() {
    local fuse=$work/tried/fs/fuse
    rm -rf "$work/tried"
    cp -a "$cache/pristine" "$work/tried"
    refuses "the table is not in it" "what was not put in is not taken out" --revert
    ./apply "$work/tried"
    refuses "the table is in it already" "it is not put in twice"
    if ./apply "$work/tried" --revert && diff -r "$cache/pristine" "$work/tried" >&2; then
        echo "ok apply: taken out again, to the byte"
    else
        echo "not ok apply: taken out again, to the byte"
    fi
    sed -i 's/struct fuse_backing {/struct fuse_backing { /' "$fuse/fuse_i.h"
    refuses "fs/fuse/fuse_i.h: no such place" "a missing anchor is named"
    cp "$cache/pristine/fs/fuse/fuse_i.h" "$fuse/"
    # Neither layout: as before Linux 6.9, and as one to come may be.
    sed -i 's/fuse_backing_id_alloc/fuse_backing_allocate_id/' "$fuse"/*.c
    refuses "allocate" "a tree that allocates ids otherwise is refused"
    rm -r "$work/tried/fs"
    refuses "not a Linux source tree" "what is no source tree is refused"

    local said
    if said=$(perl "$cache/linux/scripts/checkpatch.pl" --root="$cache/linux" --no-tree --strict --terse -f linux/*.[ch] 2>&1); then
        echo "ok checkpatch has nothing to say about our C"
    else
        echo "not ok checkpatch has nothing to say about our C"
        sed 's/^/# /' <<<"$said"
    fi
}

# The layout that Linux has today, in $NEWER_LINUX_SOURCE: put in, compiled, taken out.
newer_tree_tests() {
    local tree=$cache/newer out=$work/newer fuse=(Kconfig fs/fuse include/uapi/linux/fuse.h) status=0
    step "compiles fs/fuse of $NEWER_LINUX_SOURCE"
    rm -rf "$tree"
    if [[ -d $NEWER_LINUX_SOURCE ]]; then
        # By links where that can be: apply changes no file, it puts others in their places.
        cp -al "$NEWER_LINUX_SOURCE" "$tree" 2>/dev/null || { rm -rf "$tree" && cp -a "$NEWER_LINUX_SOURCE" "$tree"; }
    else
        mkdir "$tree"
        tar xf "$NEWER_LINUX_SOURCE" -C "$tree" --strip-components=1
    fi
    mkdir -p "$out/fs/fuse" "$work/newer-pristine"
    (cd "$tree" && cp -a --parents "${fuse[@]}" "$work/newer-pristine")
    {
        [[ -e $tree/fs/fuse/backing.c ]] && ./apply "$tree" &&
            make -s -C "$tree" O="$out" tinyconfig &&
            (cd "$tree" && scripts/kconfig/merge_config.sh -m -O "$out" "$out/.config" "$here/config/base") &&
            make -s -C "$tree" O="$out" olddefconfig &&
            ./object --config "$out/.config" "$out/fs/fuse/backing_table_swift.o" &&
            make -s -C "$tree" O="$out" -j"$(nproc)" W=1 fs/fuse/
    } >"$work/newer.log" 2>&1 || status=$?
    if [[ $status = 0 && -e $out/fs/fuse/backing_table.o ]] && ! grep -E 'warning:' "$work/newer.log" >&2; then
        echo "ok newer Linux, $(make -s -C "$tree" kernelversion): fs/fuse compiles, without a warning at W=1"
    else
        echo "not ok newer Linux: fs/fuse compiles, without a warning at W=1"
        tail -n 40 "$work/newer.log" | sed 's/^/# /'
    fi
    mkdir "$work/newer-reverted"
    if ./apply "$tree" --revert >&2 && (cd "$tree" && cp -a --parents "${fuse[@]}" "$work/newer-reverted") &&
        diff -r "$work/newer-pristine" "$work/newer-reverted" >&2; then
        echo "ok newer Linux: taken out again, to the byte"
    else
        echo "not ok newer Linux: taken out again, to the byte"
    fi
    rm -rf "$tree"
}
