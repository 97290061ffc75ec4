// SPDX-License-Identifier: Apache-2.0
// Syslog: a unix socket, UDP, TCP or TLS. The protocol acknowledges nothing; what can be told is told:
// - TCP and TLS: delivered is what the other side's kernel has acknowledged. Messages that it had, but a reset or a time-out says
//   may not have been read, are kept (the last MiB) and sent again on the next connection: receivers see duplicates, by the
//   message's id. What a receiver has read and then loses itself, nobody can tell, nor what was kept when this process is killed.
// - unix datagrams wait in the receiver's queue: delivered when sent. UDP: the same, except what an ICMP error refuses.
#pragma once

#include <memory>

#include "engine/base/result.h"
#include "outputs/destination.h"
#include "outputs/options.h"

namespace shrike::outputs {

// `body_has_structured_data`: bodies are Encoding::kRfc5424's. Errors: kInvalid, of the options and the files of TLS. That nobody
// listens is not one. deliver() of nothing looks after the connection and sends again what a broken one may have lost.
Result<std::unique_ptr<Destination>> make_syslog(const SyslogOptions& options, bool body_has_structured_data);

}  // namespace shrike::outputs
