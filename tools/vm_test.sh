#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the kernel tests in guests with other kernels: tools/vm_test.sh 6.1 6.12
#
# Each KERNEL is a version Debian has a cloud kernel of. Its package is downloaded and unpacked beside the build, nothing is installed or
# upgraded. The guest is that kernel and an initramfs of the test binaries, under qemu's TCG: no KVM, no disk, no network.
# Last line per kernel: `vm: <version>: N passed, M failed, K skipped`. Exit: 0 all passed, 1 not, 77 qemu or the kernel can't be had.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${SHRIKE_BUILD:-$top/build}
cache=$build/vm
least=20         # fewer tests passed means that the guest did not run them
time_limit=600   # seconds per guest

[[ $# -ge 1 ]] || { echo "usage: tools/vm_test.sh KERNEL… (6.1, 6.12, …)" >&2; exit 2; }
for tool in qemu-system-x86_64 cpio gzip dpkg-deb busybox; do
  command -v $tool >/dev/null || { echo "vm: skipped: $tool is not here (packages qemu-system-x86 cpio busybox-static)" >&2; exit 77; }
done
for binary in shrike tests/kernel/kernel_test; do
  [[ -x $build/$binary ]] || { echo "vm: $build/$binary is not built" >&2; exit 1; }
done

# fetch VERSION: leaves the newest such kernel at $cache/VERSION/vmlinuz; says its release.
fetch() {
  local version=$1 package dir=$cache/$1
  mkdir -p "$dir"
  if [[ ! -s $dir/vmlinuz ]]; then
    package=$(apt-cache search --names-only "^linux-image-${version//./\\.}\\.[0-9].*-cloud-amd64\$" | awk '{print $1}' | grep -v dbg | sort -V | tail -n 1)
    [[ $package ]] || return 77
    (cd "$dir" && apt-get download -qq "$package" >/dev/null 2>&1) || return 77
    dpkg-deb -x "$dir"/linux-image-*.deb "$dir/root"
    cp "$dir"/root/boot/vmlinuz-* "$dir/vmlinuz"
    basename "$dir"/root/boot/vmlinuz-* | sed 's/^vmlinuz-//' >"$dir/release"
    rm -rf "$dir/root" "$dir"/linux-image-*.deb
  fi
}

# A root file system: busybox, our binaries with the libraries they need, and an init that runs the tests.
pack() {
  local root=$cache/root file library
  rm -rf "$root"
  mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,etc,root,var/tmp,build/tests,usr/bin}
  cp "$(command -v busybox)" "$root/bin/busybox"
  printf 'root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\n' >"$root/etc/group"
  printf 'secret\n' >"$root/etc/shadow"
  printf 'guest\n' >"$root/etc/hostname"
  cp "$build/shrike" "$root/build/"
  cp -r "$build/tests/kernel" "$build/tests/programs" "$root/build/tests/"
  find "$root/build" -name '*.o' -o -name '*.cmake' -o -name CMakeFiles -prune -exec rm -rf {} + 2>/dev/null || true
  while read -r file; do
    while read -r library; do
      mkdir -p "$root$(dirname "$library")"
      cp -Lu "$library" "$root$library"
    done < <(ldd "$file" 2>/dev/null | grep -oE '/[^ ]+')
  done < <(find "$root/build" -type f -perm -u+x)
  # The tests look for their deeds where the build put them.
  mkdir -p "$root$(dirname "$build")"
  ln -s /build "$root$build"
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
ip link set lo up
echo "vm-kernel $(uname -r)"
/build/shrike doctor
/build/tests/kernel/kernel_test --gtest_color=no
echo "vm-done $?"
poweroff -f
INIT
  chmod +x "$root/init"
  (cd "$root" && find . -print0 | cpio --null -o -H newc --quiet | gzip -1) >"$cache/initramfs.gz"
}

mkdir -p "$cache"
pack
status=0
for version in "$@"; do
  fetch "$version" || { echo "vm: $version: skipped: Debian has no such kernel to download here"; [[ $status == 1 ]] || status=77; continue; }
  log=$cache/$version/log
  started=$SECONDS
  timeout "$time_limit" qemu-system-x86_64 -accel tcg -machine q35 -cpu max -smp 2 -m 768 -nographic -no-reboot -nic none \
    -kernel "$cache/$version/vmlinuz" -initrd "$cache/initramfs.gz" \
    -append "console=ttyS0 panic=-1 quiet lsm=capability,bpf ${SHRIKE_VM_APPEND:-}" </dev/null 2>&1 | tr -d '\r' >"$log" || true
  passed=$(grep -c '^\[       OK \]' "$log" || true)
  failed=$(grep -cE '^\[  FAILED  \] [A-Za-z0-9_/]+\.[A-Za-z0-9_/]+ \(' "$log" || true)
  skipped=$(grep -c '^\[  SKIPPED \] .* (' "$log" || true)
  if [[ $failed != 0 || $passed -lt $least ]] || ! grep -q '^vm-done 0' "$log"; then
    status=1
    tail -n 150 "$log"
  fi
  echo "vm: $(cat "$cache/$version/release"): $((SECONDS - started)) s"
  echo "vm: $version: $passed passed, $failed failed, $skipped skipped"
done
exit $status
