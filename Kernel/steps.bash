# SPDX-License-Identifier: MIT
#
# What Kernel/test is made of: each step leaves something in the cache or in $work, and may be run again. Sourced, in this
# folder, with $cache and $work set.
#
# Nothing in the cache refers to the checkout, so that several may use it one after the other. What a killed run may have
# left half-made has a marker beside it, FILE.unfinished, and is made from nothing.

step() { echo "# $(date -u +%T) $*" >&2; }
# begin PATH: what is there is not to be trusted until `finish PATH`.
begin() {
    if [[ -e $1.unfinished ]]; then rm -rf "$1"; fi
    touch "$1.unfinished"
}
finish() { rm "$1.unfinished"; }

install_packages() {
    local packages=(bc bison busybox-static cpio e2fsprogs fio flex gcc git libc6-dev libelf-dev linux-source-6.12 make perl python3
        qemu-system-x86 xz-utils)
    local package missing=()
    for package in "${packages[@]}"; do
        dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    [[ $(id -u) = 0 ]] || fail "not installed, and only root can: ${missing[*]}"
    local patient=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    apt-get "${patient[@]}" update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get "${patient[@]}" install -qy --no-install-recommends "${missing[@]}" >&2
}

# lock_cache VARIANT...: one run at a time, it waits for another. What these variants lack must have room.
lock_cache() {
    mkdir -p "$cache"
    exec 9>>"$cache/lock"
    if ! flock -n 9; then
        step "waits for another run that uses $cache"
        flock -w 2400 9 || fail "another run has used $cache for 40 minutes"
    fi
    # In MiB: the source tree with passthroughfs, and a kernel of each.
    local room needed=0 kernel
    [[ -e $cache/linux.stamp ]] || needed=2048
    for kernel in "$@"; do [[ -e $cache/$kernel ]] || needed=$((needed + 300)); done
    if [[ -f ${NEWER_LINUX_SOURCE:-} ]]; then needed=$((needed + 2048)); fi
    room=$(df --output=avail -m "$cache" | tail -1)
    [[ $room -ge $needed ]] || fail "$cache: $room MiB are free, $needed are needed"
}

# The source tree as it comes, $cache/linux, and what the table touches of it once more, $cache/pristine.
unpack_source() {
    local archive=${LINUX_SOURCE:-/usr/src/linux-source-6.12.tar.xz} stamp
    stamp=$(stat -c '%n %s %Y' "$archive")
    [[ $(cat "$cache/linux.stamp" 2>/dev/null) != "$stamp" ]] || return 0
    step "unpacks $archive"
    rm -rf "$cache/linux.stamp" "$cache/linux" "$cache/pristine"
    # Their objects would be younger than the files of the new tree.
    rm -rf "$cache"/{plain,idr,kasan,kcsan}
    mkdir "$cache/linux"
    tar xf "$archive" -C "$cache/linux" --strip-components=1
    mkdir "$cache/pristine"
    (cd "$cache/linux" && cp -a --parents Kconfig fs/fuse include/uapi/linux/fuse.h "$cache/pristine")
    echo "$stamp" >"$cache/linux.stamp"
}

# prepare_source table|idr: whatever state the tree was left in, by whichever version of this. Files that are right already
# are not written, or all would be compiled again.
prepare_source() {
    local wanted=$work/tree file
    unpack_source
    rm -rf "$wanted"
    cp -a "$cache/pristine" "$wanted"
    ./apply "$wanted"
    # The guest's programs know the whole interface, and try it also where it is not there.
    cp "$wanted/include/uapi/linux/fuse.h" "$work/fuse.h"
    if [[ $1 = idr ]]; then
        ./apply "$wanted" --revert
        # Newer Linux shares the caller's credentials, as with the table; 6.12 copies them. Only the map is to differ.
        sed -i 's/^\tstruct cred \*cred;/\tconst struct cred *cred;/' "$wanted/fs/fuse/fuse_i.h"
        sed -i 's/fb->cred = prepare_creds();/fb->cred = get_current_cred();/' "$wanted/fs/fuse/passthrough.c"
        grep -q 'const struct cred \*cred;' "$wanted/fs/fuse/fuse_i.h" && grep -q 'get_current_cred();' "$wanted"/fs/fuse/*.c ||
            fail "this Linux keeps the credentials of backing files in another way: the IDR's kernel cannot be compared"
    fi
    (cd "$wanted" && find . -type f) | while read -r file; do
        cmp -s "$wanted/$file" "$cache/linux/$file" || cp --no-preserve=timestamps "$wanted/$file" "$cache/linux/$file"
    done
    (cd "$cache/linux" && find fs/fuse -type f) | while read -r file; do
        [[ -e $wanted/$file ]] || rm "$cache/linux/$file"
    done
}

# configure VARIANT
configure() {
    local out=$cache/$1 fragments=(config/base config/"${1/#idr/plain}") option name
    cat "${fragments[@]}" | cmp -s - "$out/fragments" && [[ -e $out/.config ]] && return
    step "configures the $1 kernel"
    rm -f "$out/fragments"
    {
        make -s -C "$cache/linux" O="$out" tinyconfig
        (cd "$cache/linux" && scripts/kconfig/merge_config.sh -m -O "$out" "$out/.config" "${fragments[@]/#/$here/}")
        make -s -C "$cache/linux" O="$out" olddefconfig
    } >"$work/configure" 2>&1 || { cat "$work/configure" >&2; fail "no configuration"; }
    # An option that Linux dropped would make the tests look at less than they say.
    grep -hoE '^CONFIG_[A-Z0-9_]+=y' "${fragments[@]}" | while read -r option; do
        if grep -qx "$option" "$out/.config"; then continue; fi
        name=${option#CONFIG_}
        if grep -rqxE --include='Kconfig*' "(menu)?config ${name%=y}" "$cache/linux"; then fail "the configuration lost $option"; fi
        step "this Linux does not know $option"
    done
    cat "${fragments[@]}" >"$out/fragments"
}

# build VARIANT [FAULT]: leaves $cache/VARIANT/arch/x86/boot/bzImage.
build() {
    local out=$cache/$1 arguments=() status=0
    if [[ $1 = idr ]]; then prepare_source idr; else prepare_source table; fi
    begin "$out"
    # Without the table it is the same kernel but for fs/fuse.
    if [[ $1 = idr && ! -e $out && -e $cache/plain && ! -e $cache/plain.unfinished ]]; then cp -a "$cache/plain" "$out"; fi
    finish "$out"
    mkdir -p "$out"
    configure "$1"
    if [[ $1 != idr ]]; then
        if [[ -n ${2:-} ]]; then arguments+=(--plant "$2"); fi
        ./object --config "$out/.config" "${arguments[@]}" "$work/table.o" >&2
        mkdir -p "$out/fs/fuse"
        cmp -s "$work/table.o" "$out/fs/fuse/backing_table_swift.o" ||
            cp "$work/table.o" "$out/fs/fuse/backing_table_swift.o"
    fi
    step "builds the $1 kernel"
    begin "$out"
    make -s -C "$cache/linux" O="$out" -j"$(nproc)" bzImage >"$out/build.log" 2>&1 || status=$?
    # It ended by itself: what there is, is whole.
    finish "$out"
    [[ $status = 0 ]] || { tail -40 "$out/build.log" >&2; fail "the kernel does not build, see $out/build.log"; }
    # objtool's on anything, and whatever is said of what is ours. (Linux has some of its own under sanitizers.)
    ! grep -E 'objtool|backing_(table|entry|host)|fs/fuse' "$out/build.log" >&2 ||
        fail "the kernel builds with warnings, see $out/build.log"
}

# What the guest is to run, and the package that it is built from. With a fault in it both are others.
passthroughfs=$cache/passthroughfs package=$(realpath ..)

# Leaves $passthroughfs, which needs nothing of Swift's at run time. Built anew if its source changed.
build_passthroughfs() {
    local scratch key status=0
    scratch=$(dirname "$passthroughfs")/static
    key=$({
        swiftc --version 2>&1
        cd "$package" && find Package.swift Sources/{CLinux,FUSE,FUSEWire,PassthroughCommand,PassthroughFS} -type f |
            LC_ALL=C sort | xargs sha256sum
    } | sha256sum)
    [[ $(cat "$passthroughfs.key" 2>/dev/null) != "$key" || ! -x $passthroughfs ]] || return 0
    step "builds passthroughfs"
    # Swift's build folder knows the paths of its package.
    if [[ $(cat "$scratch/checkout" 2>/dev/null) != "$package" ]]; then rm -rf "$scratch"; fi
    begin "$scratch"
    mkdir -p "$scratch"
    echo "$package" >"$scratch/checkout"
    swift build --package-path "$package" -c release --static-swift-stdlib --product passthroughfs \
        --scratch-path "$scratch" >"$work/swift.log" 2>&1 || status=$?
    finish "$scratch"
    [[ $status = 0 ]] || { cat "$work/swift.log" >&2; fail "passthroughfs does not build"; }
    rm -f "$passthroughfs.key"
    cp "$scratch/release/passthroughfs" "$passthroughfs"
    echo "$key" >"$passthroughfs.key"
}

# Has the guest run a passthroughfs whose registrations keep CAP_SYS_RESOURCE, which lifts quotas and opens what is kept for root.
plant_resource() {
    local file=Sources/FUSE/Backing/OpenerRights+Unsafe.swift original rest
    local anchor='clinux_use_resource_right(user == nil ? 1 : 0)' planted='clinux_use_resource_right(1)'
    original=$(<"$package/$file")
    rest=${original#*"$anchor"}
    if [[ $rest == "$original" || $rest == *"$anchor"* ]]; then fail "$file does not hold exactly once: $anchor"; fi
    rm -rf "$cache/planted/package"
    mkdir -p "$cache/planted/package"
    (cd "$package" && cp -a Package.swift Package.resolved Sources Tests Examples "$cache/planted/package")
    package=$cache/planted/package passthroughfs=$cache/planted/passthroughfs
    printf '%s\n' "${original/"$anchor"/"$planted"}" >"$package/$file"
}

# with_libraries FILE...: copies programs into the guest, with what they are linked to.
with_libraries() {
    local program library
    for program in "$@"; do
        cp "$program" "$work/root/usr/bin/"
        # A static one has none.
        { ldd "$program" 2>/dev/null | grep -oE '/[^ ]+' || true; } | sort -u | while read -r library; do
            install -D "$library" "$work/root$library"
        done
    done
}

# initramfs FILE VARIABLES: what the guest runs. Tests, a shell, and the programs that they use.
initramfs() {
    local root=$work/root program fuse=(-include "$work/fuse.h")
    build_passthroughfs
    rm -rf "$root"
    mkdir -p "$root"/{bin,dev,proc,sys,usr/bin,etc,lib}
    cp "$(command -v busybox)" "$root/bin/busybox"
    install -m 755 guest/init "$root/init"
    cp -r guest/tests "$root/tests"
    printf '%s\n' 'root:x:0:0::/root:/bin/sh' >"$root/etc/passwd"
    local warnings=(-O2 -Wall -Wextra -Werror -D_GNU_SOURCE)
    for program in contract load; do
        gcc "${warnings[@]}" -static -pthread "${fuse[@]}" -o "$root/bin/$program" "guest/$program.c" guest/server.c
    done
    for program in limits mark; do
        gcc "${warnings[@]}" -static -o "$root/bin/$program" "guest/$program.c"
    done
    gcc "${warnings[@]}" -shared -fPIC "${fuse[@]}" -o "$root/lib/ioctls.so" guest/ioctls.c
    with_libraries "$(command -v fio)" "$(command -v git)" "$(PATH=$PATH:/sbin command -v mkfs.ext4)" "$passthroughfs"
    if [[ -n ${PASSTHROUGH_HP:-} ]]; then
        with_libraries "$PASSTHROUGH_HP"
        mv "$root/usr/bin/$(basename "$PASSTHROUGH_HP")" "$root/usr/bin/passthrough_hp" 2>/dev/null || true
    fi
    if [[ -e $work/tree.tar ]]; then cp "$work/tree.tar" "$root/"; fi
    printf '%s\n' "$2" >"$root/variant"
    (cd "$root" && find . | cpio -o -H newc --quiet) >"$1"
}

# What ends a guest at once in which something is broken or stuck; options of the kernel's.
readonly unforgiving="oops=panic hung_task_panic=1 softlockup_panic=1"

# boot VARIANT INITRAMFS SECONDS [OPTION...]: leaves $work/log and $work/report, and copies of both in the cache. The
# options are QEMU's; $append is added to the kernel's. That the guest came to its end is for the caller to see.
boot() {
    local kernel=$1 initrd=$2 seconds=$3 status=0
    shift 3
    step "boots it"
    : >"$work/log" >"$work/report"
    # -no-reboot: the guest ends by rebooting, and so does a kernel that panics. In the foreground, ^C reaches it. Left
    # behind by a run that was killed, it does not hold the lock. no_timer_check: on a machine that is busy the emulated timer's first
    # ticks may come late, and Linux, which waits for them by counting instructions, would take it for broken and panic.
    timeout --foreground -k 10 "$seconds" qemu-system-x86_64 "$@" -m 4G -display none -no-reboot -nodefaults \
        -kernel "$cache/$kernel/arch/x86/boot/bzImage" -initrd "$initrd" \
        -append "console=ttyS0 panic=-1 slab_nomerge ftrace_dump_on_oops=0 loglevel=7 no_timer_check random.trust_cpu=on ${append:-}" \
        -serial file:"$work/log" -serial file:"$work/report" </dev/null 9>&- || status=$?
    tr -d '\r' <"$work/log" >"$cache/$kernel/log"
    tr -d '\r' <"$work/report" >"$cache/$kernel/report"
    case $status in
        0) ;;
        124 | 137)
            step "the guest hung for $seconds s; its log ends:"
            tail -n 20 "$cache/$kernel/log" >&2 ;;
        *) fail "QEMU ended with $status" ;;
    esac
}

# guest_passed VARIANT: whether what it reports is success, to the end.
guest_passed() {
    if grep '^not ok' "$cache/$1/report" >&2; then fail "see $cache/$1/report"; fi
    grep -qx '# done' "$cache/$1/report" || fail "the guest did not come to its end, see $cache/$1/log"
}
