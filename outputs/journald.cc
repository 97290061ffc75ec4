// SPDX-License-Identifier: Apache-2.0
#include "outputs/journald.h"

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "engine/base/handle.h"
#include "outputs/wait.h"

namespace shrike::outputs {
namespace {

constexpr std::chrono::milliseconds kTimeout{10'000};

// A value with a line break goes with its length, little-endian, 64 bits.
void add(std::string& entry, std::string_view name, std::string_view value) {
  entry += name;
  if (value.find('\n') == std::string_view::npos) {
    entry += '=';
  } else {
    entry += '\n';
    for (unsigned shift = 0; shift < 64; shift += 8) entry += static_cast<char>((value.size() >> shift) & 0xFFU);
  }
  entry += value;
  entry += '\n';
}

class Journald final : public Destination {
 public:
  explicit Journald(JournaldOptions options) : options_(std::move(options)) {}
  Limits limits() const override { return {64, std::size_t{1} << 20U}; }
  std::string describe() const override { return "journald " + options_.path; }
  void reopen() override { fd_.reset(); }

  Delivery deliver(std::span<const Message> messages, std::stop_token stop) override {
    const Wait wait(kTimeout, std::move(stop));
    Delivery delivery = Delivery::all(messages.size(), Fate::kRetry);
    int error = fd_ ? 0 : connect();
    std::size_t sent = 0;
    while (error == 0 && sent < messages.size()) {
      error = put(entry(messages[sent]), wait);
      if (error == 0) delivery.outcomes[sent++].fate = Fate::kDelivered;
    }
    if (error == 0) return delivery;
    const char* known = wait_error(error);
    const std::string why = known != nullptr ? describe() + ": " + known : system_error(describe(), error).message;
    for (; sent < messages.size(); ++sent) delivery.outcomes[sent].reason = why;
    if (error != ETIMEDOUT && error != ECANCELED) fd_.reset();
    return delivery;
  }

 private:
  std::string entry(const Message& message) const {
    std::string out;
    add(out, "MESSAGE", message.body);
    add(out, "PRIORITY", std::to_string(std::min<int>(message.priority, 7)));
    add(out, "SYSLOG_IDENTIFIER", options_.identifier);
    add(out, "SHRIKE_ID", message.id);
    add(out, "SHRIKE_RULE", message.rule);
    add(out, "SHRIKE_SOURCE", message.source);
    add(out, "SHRIKE_SUBJECT", message.subject);
    add(out, "SHRIKE_TIME", std::to_string(message.time_ns));
    return out;
  }

  int connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    options_.path.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
    UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return errno;
    fd_ = std::move(fd);
    return 0;
  }

  int put(const std::string& entry, const Wait& wait) const {
    while (true) {
      if (send(fd_.get(), entry.data(), entry.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
      if (errno == EMSGSIZE || errno == ENOBUFS) return put_sealed(entry, wait);
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return errno;
      if (const int why = wait.until(fd_.get(), POLLOUT); why != 0) return why;
    }
  }

  // Too long for a datagram: a sealed file in memory, whose descriptor goes instead.
  int put_sealed(std::string_view entry, const Wait& wait) const {
    const UniqueFd file(memfd_create("shrike-alert", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) return errno;
    while (!entry.empty()) {
      const ssize_t written = write(file.get(), entry.data(), entry.size());
      if (written < 0) return errno;
      entry.remove_prefix(static_cast<std::size_t>(written));
    }
    if (fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) return errno;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr header{};
    header.msg_control = static_cast<char*>(control);
    header.msg_controllen = sizeof(control);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = file.get();
    std::memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
    while (sendmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return errno;
      if (const int why = wait.until(fd_.get(), POLLOUT); why != 0) return why;
    }
    return 0;
  }

  const JournaldOptions options_;
  UniqueFd fd_;
};

}  // namespace

Result<std::unique_ptr<Destination>> make_journald(const JournaldOptions& options) {
  static constexpr std::size_t kUnixPath = 107;
  if (options.path.empty() || options.path.size() > kUnixPath) return fail(Code::kInvalid, "path: 1 to 107 bytes");
  return std::make_unique<Journald>(options);
}

}  // namespace shrike::outputs
