// SPDX-License-Identifier: Apache-2.0
#include "outputs/stream.h"

#include <array>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <linux/sockios.h>

namespace shrike::outputs {
namespace {

constexpr std::size_t kScratch = 4096;
constexpr milliseconds kGoodbye{500};

std::string reason(int error) {
  const char* known = wait_error(error);
  return known != nullptr ? known : system_error({}, error).message.substr(2);
}

// The first reason OpenSSL gives: the later ones follow from it.
std::string openssl_reason() {
  const unsigned long code = ERR_peek_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "unknown error" : text;
}

Error failed(std::string what, int error) { return {Code::kSystem, std::move(what) + ": " + reason(error), error}; }

Result<void> connect_socket(int fd, const sockaddr* address, socklen_t length, const std::string& what, const Wait& wait) {
  if (::connect(fd, address, length) == 0) return {};
  if (errno != EINPROGRESS) return std::unexpected(failed(what, errno));
  if (const int why = wait.until(fd, POLLOUT); why != 0) return std::unexpected(failed(what, why));
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return std::unexpected(failed(what, error));
  return {};
}

void set_option(int fd, int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof(value)); }

// A server that is gone without a word is noticed: while something is unacknowledged after `patience`, else within a minute.
void prepare_tcp(int fd, milliseconds patience) {
  static constexpr int kIdleS = 30;
  static constexpr int kIntervalS = 10;
  static constexpr int kProbes = 3;
  static constexpr int kSendBuffer = 256 << 10;  // what can be on its way and unknown
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, SOL_SOCKET, SO_SNDBUF, kSendBuffer);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kIdleS);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kIntervalS);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(patience.count()));
}

using Context = std::unique_ptr<SSL_CTX, Destroyer<SSL_CTX_free>>;

// Anew for each connection, so that renewed files are used.
Result<Context> make_context(const TlsOptions& tls) {
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_client_method()));
  if (!context) return fail(Code::kSystem, "TLS: " + openssl_reason());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_AUTO_RETRY | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context.get(), tls.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  if (tls.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else if (SSL_CTX_load_verify_locations(context.get(), tls.ca_file.c_str(), nullptr) != 1) {
    return fail(Code::kInvalid, "CA file " + tls.ca_file + ": " + openssl_reason());
  }
  if (tls.cert_file.empty() != tls.key_file.empty()) return fail(Code::kInvalid, "a client certificate and its key go together");
  if (tls.cert_file.empty()) return context;
  if (SSL_CTX_use_certificate_chain_file(context.get(), tls.cert_file.c_str()) != 1) {
    return fail(Code::kInvalid, "certificate " + tls.cert_file + ": " + openssl_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), tls.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(Code::kInvalid, "key " + tls.key_file + ": " + openssl_reason());
  }
  return context;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

}  // namespace

Result<void> Stream::check(const TlsOptions& tls) {
  TRY(make_context(tls));
  return {};
}

Result<std::unique_ptr<Stream>> Stream::connect(const std::string& host, std::uint16_t port, const TlsOptions& tls,
                                                milliseconds patience, const Wait& wait) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0) {
    return fail(Code::kNotFound, "look up " + host + ": " + gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, Destroyer<freeaddrinfo>> addresses(found);
  const std::string what = "connect to " + host + ":" + std::to_string(port);
  Error last{Code::kNotFound, what + ": no address", 0};
  for (const addrinfo* at = addresses.get(); at != nullptr; at = at->ai_next) {
    UniqueFd fd(socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
      last = failed(what, errno);
      continue;
    }
    prepare_tcp(fd.get(), patience);
    // An address that does not answer leaves time for the next.
    const Wait share = at->ai_next == nullptr ? wait : wait.at_most(patience / 2);
    if (const auto connected = connect_socket(fd.get(), at->ai_addr, at->ai_addrlen, what, share); !connected) {
      last = connected.error();
      if (wait.over() != 0) break;
      continue;
    }
    std::unique_ptr<Stream> stream(new Stream(std::move(fd)));
    if (tls.enabled) TRY(stream->start_tls(host, tls, wait));
    return stream;
  }
  return std::unexpected(std::move(last));
}

Result<std::unique_ptr<Stream>> Stream::connect_unix(const std::string& path, const Wait& wait) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return fail(Code::kInvalid, "socket " + path + ": more than 107 bytes");
  path.copy(static_cast<char*>(address.sun_path), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return std::unexpected(failed("socket", errno));
  TRY(connect_socket(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address), "connect to " + path, wait));
  return std::unique_ptr<Stream>(new Stream(std::move(fd)));
}

Stream::~Stream() {
  if (ssl_ && SSL_is_init_finished(ssl_.get()) != 0 && !broken_) SSL_shutdown(ssl_.get());
  shutdown(fd_.get(), SHUT_WR);
  if (broken_) return;
  const Wait wait(kGoodbye, {});
  std::array<char, kScratch> scratch{};
  while (wait.until(fd_.get(), POLLIN) == 0 && recv(fd_.get(), scratch.data(), scratch.size(), MSG_DONTWAIT) > 0) {
  }
}

// TLS writes through these: send() without SIGPIPE, and what went through is counted.
int Stream::bio_write(BIO* bio, const char* bytes, int count) {
  auto* stream = static_cast<Stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t written = send(stream->fd_.get(), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL);
  if (written > 0) stream->sent_ += static_cast<std::uint64_t>(written);
  if (written < 0) stream->last_error_ = errno;
  if (written < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(written);
}

int Stream::bio_read(BIO* bio, char* bytes, int count) {
  auto* stream = static_cast<Stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t taken = recv(stream->fd_.get(), bytes, static_cast<std::size_t>(count), 0);
  if (taken < 0) stream->last_error_ = errno;
  if (taken < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (taken == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(taken);
}

long Stream::bio_control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

Result<void> Stream::start_tls(const std::string& host, const TlsOptions& tls, const Wait& wait) {
  context_ = TRY(make_context(tls));
  ssl_.reset(SSL_new(context_.get()));
  method_.reset(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "stream"));
  if (!ssl_ || !method_) return fail(Code::kSystem, "TLS: " + openssl_reason());
  BIO_meth_set_write(method_.get(), bio_write);
  BIO_meth_set_read(method_.get(), bio_read);
  BIO_meth_set_ctrl(method_.get(), bio_control);
  BIO* bio = BIO_new(method_.get());
  if (bio == nullptr) return fail(Code::kSystem, "TLS: " + openssl_reason());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);

  const std::string& name = tls.server_name.empty() ? host : tls.server_name;
  const bool address = is_address(name);
  // What SSL_set_tlsext_host_name stands for, without its cast.
  std::string asked = name;
  if (!address) SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, asked.data());
  if (!tls.insecure) {
    X509_VERIFY_PARAM* verify = SSL_get0_param(ssl_.get());
    const int set = address ? X509_VERIFY_PARAM_set1_ip_asc(verify, name.c_str())
                            : X509_VERIFY_PARAM_set1_host(verify, name.c_str(), name.size());
    if (set != 1) return fail(Code::kInvalid, "TLS: " + name + " is no name to verify");
  }
  while (true) {
    ERR_clear_error();
    const int result = SSL_connect(ssl_.get());
    if (result == 1) return {};
    int error = 0;
    if (wait_tls(result, wait, error)) continue;
    broken_ = true;
    if (error != 0) return std::unexpected(failed("TLS handshake with " + host, error));
    const long verified = SSL_get_verify_result(ssl_.get());
    if (!tls.insecure && verified != X509_V_OK) {
      return fail(Code::kInvalid, "TLS: the certificate of " + name + " is refused: " + X509_verify_cert_error_string(verified));
    }
    return std::unexpected(tls_error("TLS handshake with " + host, result));
  }
}

Error Stream::tls_error(const std::string& what, int result) const {
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
    return last_error_ == 0 ? Error{Code::kSystem, what + ": the connection ended", ECONNRESET} : failed(what, last_error_);
  }
  const bool no_tls = ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER;
  return {Code::kSystem, what + ": " + openssl_reason() + (no_tls ? " (does it speak TLS on this port?)" : ""), EPROTO};
}

// Whether to try again. If not, `error` is why waiting ended; 0: TLS itself failed.
bool Stream::wait_tls(int result, const Wait& wait, int& error) const {
  const int want = SSL_get_error(ssl_.get(), result);
  if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE) return false;
  error = wait.until(fd_.get(), want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT);
  return error == 0;
}

Result<void> Stream::write(std::string_view bytes, const Wait& wait) {
  while (!bytes.empty()) {
    if (ssl_) {
      static constexpr std::size_t kRecord = 16 << 10;
      const auto count = static_cast<int>(std::min(bytes.size(), kRecord));
      ERR_clear_error();
      last_error_ = 0;
      const int written = SSL_write(ssl_.get(), bytes.data(), count);
      if (written > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(written));
        continue;
      }
      int error = 0;
      if (wait_tls(written, wait, error)) continue;
      broken_ = true;
      return std::unexpected(error != 0 ? failed("write", error) : tls_error("write", written));
    }
    const ssize_t written = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      sent_ += static_cast<std::uint64_t>(written);
      continue;
    }
    int error = errno;
    if (error == EAGAIN || error == EINTR) error = wait.until(fd_.get(), POLLOUT);
    if (error == 0) continue;
    broken_ = true;
    return std::unexpected(failed("write", error));
  }
  return {};
}

std::uint64_t Stream::acknowledged() const {
  int waiting = 0;
  if (ioctl(fd_.get(), SIOCOUTQ, &waiting) != 0) return 0;
  const auto left = static_cast<std::uint64_t>(std::max(waiting, 0));
  return left < sent_ ? sent_ - left : 0;  // a unix socket counts its own overhead with what waits
}

Stream::Peer Stream::look(std::string& why) {
  std::array<char, kScratch> scratch{};
  while (!broken_) {
    if (ssl_) {
      ERR_clear_error();
      last_error_ = 0;
      const int taken = SSL_read(ssl_.get(), scratch.data(), static_cast<int>(scratch.size()));
      if (taken > 0) continue;
      const int state = SSL_get_error(ssl_.get(), taken);
      if (state == SSL_ERROR_WANT_READ || state == SSL_ERROR_WANT_WRITE) return Peer::kThere;
      if (state == SSL_ERROR_ZERO_RETURN) {
        why = "the other side closed the connection";
        return Peer::kClosed;
      }
      why = tls_error("TLS", taken).message;
      broken_ = true;
      break;
    }
    const ssize_t taken = recv(fd_.get(), scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (taken > 0 || (taken < 0 && errno == EINTR)) continue;
    if (taken < 0 && errno == EAGAIN) return Peer::kThere;
    why = taken == 0 ? "the other side closed the connection" : reason(errno);
    if (taken == 0) return Peer::kClosed;
    broken_ = true;
  }
  return Peer::kBroken;
}

}  // namespace shrike::outputs
