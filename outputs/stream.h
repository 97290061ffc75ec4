// SPDX-License-Identifier: Apache-2.0
// Stream is a connection to a server that answers nothing: TCP, TLS over it, or a unix stream. It knows how much of what was
// written the other side's kernel has taken, and whether the other side is still there.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/handle.h"
#include "engine/base/result.h"
#include "outputs/options.h"
#include "outputs/wait.h"

namespace shrike::outputs {

class Stream {
 public:
  // The addresses of `host` one after the other. With TLS the certificate must be of `tls.server_name` or `host`, and lead to a
  // certificate of `tls.ca_file` or the system's. What is sent and not acknowledged for `patience` ends the connection.
  static Result<std::unique_ptr<Stream>> connect(const std::string& host, std::uint16_t port, const TlsOptions& tls,
                                                 milliseconds patience, const Wait& wait);
  static Result<std::unique_ptr<Stream>> connect_unix(const std::string& path, const Wait& wait);
  // Whether the files named are there and fit each other.
  static Result<void> check(const TlsOptions& tls);

  // Ends it in order: close_notify, end of data, and for a moment what the other side still says, so that nothing it has not
  // read yet is thrown away by a reset.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // All of `bytes`; after an error the connection is of no use.
  Result<void> write(std::string_view bytes, const Wait& wait);
  // Bytes given to the kernel so far, those of TLS itself with them, and how many of these the other side's kernel has.
  std::uint64_t sent() const { return sent_; }
  std::uint64_t acknowledged() const;

  enum class Peer : std::uint8_t {
    kThere,
    kClosed,  // in order: it had read what had arrived
    kBroken,  // reset, timed out, refused: what it had not read is lost
  };
  // Takes what the other side has said, and forgets it.
  Peer look(std::string& why);
  int fd() const { return fd_.get(); }

 private:
  explicit Stream(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<void> start_tls(const std::string& host, const TlsOptions& tls, const Wait& wait);
  Error tls_error(const std::string& what, int result) const;
  bool wait_tls(int result, const Wait& wait, int& error) const;
  static int bio_write(BIO* bio, const char* bytes, int count);
  static int bio_read(BIO* bio, char* bytes, int count);
  static long bio_control(BIO* bio, int command, long number, void* pointer);

  UniqueFd fd_;
  std::uint64_t sent_ = 0;
  int last_error_ = 0;  // of the socket below TLS
  bool broken_ = false;
  std::unique_ptr<SSL_CTX, Destroyer<SSL_CTX_free>> context_;
  std::unique_ptr<BIO_METHOD, Destroyer<BIO_meth_free>> method_;
  std::unique_ptr<SSL, Destroyer<SSL_free>> ssl_;  // none: no TLS
};

}  // namespace shrike::outputs
