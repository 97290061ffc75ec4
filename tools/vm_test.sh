#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests that need a kernel in guests with other kernels: tools/vm_test.sh 6.1 6.12
#
# Each KERNEL is a version Debian has a cloud kernel of: of bookworm, trixie, or their backports. Its package is downloaded and
# unpacked beside the build; nothing is installed or upgraded, and apt's own state stays as it is. The guest is that kernel and an
# initramfs of the test binaries, under qemu's TCG: no KVM, no disk, no network. A second, short boot repeats the race tests under
# preempt=full, where the kernel can do that. Binaries the build lacks are built first.
#
#   SHRIKE_BUILD      the build to take, default build/
#   SHRIKE_VM_FILTER  a --gtest_filter: only these tests, in the first boot alone, e.g. 'Refused.*'
#   SHRIKE_VM_APPEND  more words for the kernel's command line
#
# Last line per kernel: `vm: <version>: N passed, M failed, K skipped`. Exit: 0 all passed, 1 not, 77 qemu or the kernel can't be had.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${SHRIKE_BUILD:-$top/build}
cache=$build/vm
work=$cache/work-$(IFS=-; echo "$*")  # of this run: one for another kernel may go on beside it
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
programs=(kernel_test enforce_test)  # in this order
least=20                             # fewer tests passed means that the guest did not run them
[[ ${SHRIKE_VM_FILTER:-} ]] && least=1

[[ $# -ge 1 ]] || { echo "usage: tools/vm_test.sh KERNEL… (6.1, 6.12, …)" >&2; exit 2; }
for tool in qemu-system-x86_64 cpio gzip dpkg-deb busybox; do
  command -v $tool >/dev/null || { echo "vm: skipped: $tool is not here (packages qemu-system-x86 cpio busybox-static)" >&2; exit 77; }
done

# Builds what of the guest's contents is not there. What is there is taken as it is.
complete_build() {
  local file missing=()
  for file in shrike tests/kernel/kernel_test tests/enforce/enforce_test tests/programs/deed_open; do
    [[ -x $build/$file ]] || missing+=("$file")
  done
  [[ ${#missing[@]} != 0 ]] || return 0
  echo "vm: building ${missing[*]}" >&2
  cmake -S "$top" -B "$build" -G Ninja -DSHRIKE_TESTS=ON >"$cache/build.log" 2>&1 &&
    cmake --build "$build" --parallel "$(nproc)" --target shrike "${programs[@]}" deeds >>"$cache/build.log" 2>&1 ||
    { tail -n 40 "$cache/build.log" >&2; exit 1; }
}

# own_apt COMMAND…: apt with sources and state of our own, for kernels this machine's sources do not have.
own_apt() {
  local apt=$cache/apt suite
  if [[ ! -e $apt/updated ]]; then
    [[ -r $keyring ]] || return 1
    mkdir -p "$apt"/{lists/partial,archives/partial}
    for suite in bookworm bookworm-updates bookworm-backports trixie trixie-updates trixie-backports; do
      echo "deb [arch=amd64 signed-by=$keyring] http://deb.debian.org/debian $suite main"
    done >"$apt/sources.list"
    for suite in bookworm-security trixie-security; do
      echo "deb [arch=amd64 signed-by=$keyring] http://deb.debian.org/debian-security $suite main"
    done >>"$apt/sources.list"
    {
      apt-config dump | grep -iE '^Acquire::https?::proxy' || true  # the way out stays the machine's
      cat <<CONF
Dir::Etc::parts "/dev/null";
Dir::Etc::main "/dev/null";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives";
APT::Architecture "amd64";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
CONF
    } >"$apt/apt.conf"
    APT_CONFIG=$apt/apt.conf apt-get update -qq </dev/null >"$apt/log" 2>&1 || return 1
    touch "$apt/updated"
  fi
  APT_CONFIG=$apt/apt.conf "$@"
}

# Candidates for a version, newest first. From 6.19 on the image is in linux-binary-…, and linux-image-… may only depend on it.
candidates() {  # candidates VERSION [own_apt]
  local version=${1//./\\.}
  ${2:-} apt-cache search --names-only "^linux-(image|binary)-$version(\\.|-|\\+)[0-9+].*-cloud-amd64\$" 2>/dev/null |
    sed -nE 's/^(linux-(image|binary)-)([^ ]*-cloud-amd64) .*/\3 \1\3/p' | sort -k1,1Vr -k2,2 | awk '{print $2}' | head -n 4
}

# fetch VERSION: leaves the newest such kernel at $cache/VERSION/{vmlinuz,release}, and its overlay.ko if that is a module.
fetch() {
  local dir=$cache/$1 apt package image module
  [[ -s $dir/vmlinuz && -e $dir/overlay.ko ]] && return 0
  mkdir -p "$dir"
  for apt in "" own_apt; do
    for package in $(candidates "$1" $apt); do
      rm -rf "$dir/root" "$dir"/*.deb
      (cd "$dir" && $apt apt-get download -qq "$package" >/dev/null 2>&1) || continue
      dpkg-deb -x "$dir"/*.deb "$dir/root"
      image=$(find "$dir/root" -name 'vmlinuz*' -type f | head -n 1)  # in /boot, or beside the modules
      [[ $image ]] || continue
      echo "${package#linux-*-}" >"$dir/release"
      mv "$image" "$dir/vmlinuz"
      module=$(find "$dir/root" -name 'overlay.ko*' -type f | head -n 1)
      case $module in
        *.xz) xz -dc "$module" >"$dir/overlay.ko" ;;
        *.zst) zstd -qdc "$module" >"$dir/overlay.ko" ;;
        ?*) cp "$module" "$dir/overlay.ko" ;;
        *) : >"$dir/overlay.ko" ;;
      esac
      break 2
    done
  done
  rm -rf "$dir/root" "$dir"/*.deb
  [[ -s $dir/vmlinuz ]]
}

# A root file system: busybox, our binaries with the libraries they need, and an init that runs the tests.
pack() {
  local root=$work/root file library
  rm -rf "$root"
  mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,etc,root,var/tmp,build/tests,usr/bin}
  cp "$(command -v busybox)" "$root/bin/busybox"
  printf 'root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\n' >"$root/etc/group"
  printf 'secret\n' >"$root/etc/shadow"
  printf 'guest\n' >"$root/etc/hostname"
  (cd "$build" && cp --parents shrike tests/kernel/kernel_test tests/enforce/enforce_test tests/programs/deed_* "$root/build/")
  mkdir -p "$root$top/tests" && cp -r "$top/tests/golden" "$root$top/tests/"
  mkdir -p "$root$top/docs" && cp "$top/docs/evasions.md" "$root$top/docs/"
  while read -r file; do
    strip "$file" 2>/dev/null || true  # half the size, unpacked in half the time
    while read -r library; do
      mkdir -p "$root$(dirname "$library")"
      cp -Lu "$library" "$root$library"
    done < <(ldd "$file" 2>/dev/null | grep -oE '/[^ ]+')
  done < <(find "$root/build" -type f -perm -u+x)
  # The tests look for their deeds where the build put them.
  mkdir -p "$root$(dirname "$build")"
  ln -s /build "$root$build"
  # What the kernel does not know of its command line it gives to init as environment: vm_programs, vm_filter.
  cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
mkdir -p /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
ip link set lo up
insmod /overlay.ko
echo "vm-kernel $(uname -rv)"
echo "vm-preempt $(cat /sys/kernel/debug/sched/preempt 2>/dev/null)"
export SHRIKE_TEST_TIER=full  # its suites must not skip here
/build/shrike doctor
for program in $(echo "$vm_programs" | tr , ' '); do
  level=${program%_test}
  "/build/tests/$level/$program" --gtest_color=no --gtest_filter="${vm_filter:-*}"
  echo "vm-done $program $?"
done
poweroff -f
INIT
  chmod +x "$root/init"
  (cd "$root" && find . -print0 | cpio --null -o -H newc --quiet | gzip -1) >"$work/initramfs.gz"
}

# boot VERSION LOG SECONDS PROGRAMS FILTER [WORD…]: the guest's console goes to LOG; fails unless every program said it was done.
boot() {
  local version=$1 log=$2 seconds=$3 names=$4 filter=$5 started=$SECONDS
  shift 5
  {
    cat "$work/initramfs.gz"
    (cd "$cache/$version" && echo overlay.ko | cpio -o -H newc --quiet | gzip -1)
  } >"$work/initrd.gz"
  timeout "$seconds" qemu-system-x86_64 -accel tcg -machine q35 -cpu max -smp 2 -m 768 -nographic -no-reboot -nic none \
    -kernel "$cache/$version/vmlinuz" -initrd "$work/initrd.gz" \
    -append "console=ttyS0 panic=-1 quiet lsm=capability,bpf vm_programs=${names// /,} vm_filter=$filter $* ${SHRIKE_VM_APPEND:-}" \
    </dev/null 2>&1 | tr -d '\r' >"$log" || true
  echo "vm: $(cat "$cache/$version/release")${*:+, $*}: $((SECONDS - started)) s"
  for name in $names; do grep -q "^vm-done $name 0" "$log" || return 1; done
}

count() {  # count PATTERN LOG…: lines
  local pattern=$1
  shift
  cat "$@" | grep -cE "$pattern" || true
}

mkdir -p "$work"
exec 9>"$cache/lock"  # held by who builds or downloads
flock 9
complete_build
flock -u 9
pack
status=0
for version in "$@"; do
  flock 9
  fetch "$version" || { echo "vm: $version: skipped: Debian has no such kernel to download here"; [[ $status == 1 ]] || status=77; continue; }
  flock -u 9
  logs=("$cache/$version/log")
  good=1
  boot "$version" "${logs[0]}" 1200 "${programs[*]}" "${SHRIKE_VM_FILTER:-*}" || good=0
  if [[ ! ${SHRIKE_VM_FILTER:-} ]] && grep -q 'vm-kernel .*PREEMPT_DYNAMIC' "${logs[0]}"; then
    logs+=("$cache/$version/log.preempt")
    boot "$version" "${logs[1]}" 480 enforce_test '*Hammer*' preempt=full || good=0
  fi
  passed=$(count '^\[       OK \]' "${logs[@]}")
  failed=$(count '^\[  FAILED  \] [A-Za-z0-9_/]+\.[A-Za-z0-9_/]+(, where .*)? \([0-9]+ ms\)' "${logs[@]}")
  skipped=$(count '^\[  SKIPPED \] .* \([0-9]+ ms\)' "${logs[@]}")
  if [[ $good == 0 || $failed != 0 || $passed -lt $least ]]; then
    status=1
    for log in "${logs[@]}"; do
      echo "vm: $version: the end of $log:"
      tail -n 150 "$log"
    done
  fi
  echo "vm: $version: $passed passed, $failed failed, $skipped skipped"
done
exit $status
