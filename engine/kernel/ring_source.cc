// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel/ring_source.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bpf/abi/event.h"
#include "engine/base/clock.h"

namespace shrike::kernel {
namespace {

constexpr std::uint64_t kSettleNs = 2'000'000;
constexpr std::uint64_t kLengthMask = ~std::uint64_t{BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT};

std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

// The two positions and the records' headers are shared with the kernel: whole-word atomics on its memory.
std::uint64_t load(const void* at) { return std::atomic_ref(*static_cast<std::uint64_t*>(const_cast<void*>(at))).load(std::memory_order_acquire); }
void store(void* at, std::uint64_t value) { std::atomic_ref(*static_cast<std::uint64_t*>(at)).store(value, std::memory_order_release); }

}  // namespace

Result<Ring> Ring::map(int map_fd) {
  bpf_map_info info{};
  __u32 info_size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map_fd, &info, &info_size) != 0) return std::unexpected(system_error("read the info of a ring", errno));
  if (info.type != BPF_MAP_TYPE_RINGBUF) return fail(Code::kInvalid, "not a ring buffer map");
  Ring ring;
  ring.capacity_ = info.max_entries;
  void* consumer = mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (consumer == MAP_FAILED) return std::unexpected(system_error("map a ring's consumer page", errno));
  ring.consumer_page_ = consumer;
  ring.producer_bytes_ = page_size() + 2 * ring.capacity_;
  void* producer = mmap(nullptr, ring.producer_bytes_, PROT_READ, MAP_SHARED, map_fd, static_cast<off_t>(page_size()));
  if (producer == MAP_FAILED) return std::unexpected(system_error("map a ring's data", errno));
  ring.producer_pages_ = producer;
  ring.position_ = load(consumer);
  return ring;
}

Ring::Ring(Ring&& other) noexcept
    : consumer_page_(std::exchange(other.consumer_page_, nullptr)),
      producer_pages_(std::exchange(other.producer_pages_, nullptr)),
      producer_bytes_(other.producer_bytes_),
      capacity_(other.capacity_),
      position_(other.position_),
      head_bytes_(other.head_bytes_) {}

Ring::~Ring() {
  if (consumer_page_ != nullptr) munmap(consumer_page_, page_size());
  if (producer_pages_ != nullptr) munmap(producer_pages_, producer_bytes_);
}

std::optional<std::span<const std::byte>> Ring::peek() {
  const std::byte* data = static_cast<const std::byte*>(producer_pages_) + page_size();
  while (position_ < load(producer_pages_)) {
    const std::byte* header = data + (position_ & (capacity_ - 1));
    // Length and flags are one 32-bit word; the commit is a release of it.
    const auto length_and_flags =
        std::atomic_ref(*const_cast<std::uint32_t*>(reinterpret_cast<const std::uint32_t*>(header))).load(std::memory_order_acquire);
    if ((length_and_flags & BPF_RINGBUF_BUSY_BIT) != 0) return std::nullopt;
    const std::uint64_t length = length_and_flags & kLengthMask;
    head_bytes_ = (length + BPF_RINGBUF_HDR_SZ + 7) & ~std::uint64_t{7};
    if ((length_and_flags & BPF_RINGBUF_DISCARD_BIT) == 0) return std::span(header + BPF_RINGBUF_HDR_SZ, length);
    pop();
  }
  head_bytes_ = 0;
  return std::nullopt;
}

void Ring::pop() {
  position_ += std::exchange(head_bytes_, 0);
  store(consumer_page_, position_);
}

Result<std::unique_ptr<RingSource>> RingSource::create(std::span<const int> map_fds) {
  auto source = std::unique_ptr<RingSource>(new RingSource());
  source->epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!source->epoll_) return std::unexpected(system_error("epoll_create1", errno));
  for (const int fd : map_fds) {
    source->rings_.push_back(TRY(Ring::map(fd)));
    // Edge-triggered: records too young to be read must not wake us again and again.
    epoll_event interest{.events = EPOLLIN | EPOLLET, .data = {.fd = fd}};
    if (epoll_ctl(source->epoll_.get(), EPOLL_CTL_ADD, fd, &interest) != 0) return std::unexpected(system_error("epoll_ctl", errno));
  }
  return source;
}

std::optional<decode::RawRecord> RingSource::next() {
  if (last_ != nullptr) std::exchange(last_, nullptr)->pop();
  // Reading the clock per record would cost more than the record: the horizon is kept until nothing is left below it.
  for (const bool fresh : {false, true}) {
    if (fresh) {
      const std::uint64_t horizon_ns = settle_ ? boot_time_ns() - kSettleNs : ~std::uint64_t{0};
      if (horizon_ns <= horizon_ns_) return std::nullopt;
      horizon_ns_ = horizon_ns;
    }
    std::uint64_t oldest_ns = ~std::uint64_t{0};
    std::span<const std::byte> bytes;
    for (Ring& ring : rings_) {
      const auto head = ring.peek();
      if (!head) continue;
      std::uint64_t time_ns = 0;  // of a record too short to have one: first out, to be refused by decode
      static_assert(offsetof(event_header, time_ns) == 0);
      if (head->size() >= sizeof(time_ns)) std::memcpy(&time_ns, head->data(), sizeof(time_ns));
      if (last_ != nullptr && time_ns >= oldest_ns) continue;
      last_ = &ring;
      oldest_ns = time_ns;
      bytes = *head;
    }
    if (last_ == nullptr) return std::nullopt;
    if (oldest_ns <= horizon_ns_) return decode::RawRecord{bytes};
    last_ = nullptr;
  }
  return std::nullopt;
}

void RingSource::wait(int timeout_ms) {
  epoll_event ready{};
  epoll_wait(epoll_.get(), &ready, 1, timeout_ms);
}

}  // namespace shrike::kernel
