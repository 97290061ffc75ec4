// SPDX-License-Identifier: Apache-2.0
// A message as a syslog record: header, structured data, text; RFC 5424, RFC 3164, and the latter's local form without a host.
#pragma once

#include <sys/types.h>

#include <string>

#include "outputs/message.h"
#include "outputs/options.h"

namespace shrike::outputs {

enum class SyslogHeader : std::uint8_t { kRfc5424, kRfc3164, kLocal };

struct SyslogRecord {
  std::string bytes;  // no line break and no NUL in it
  bool truncated = false;
};

// Never more than options.max_bytes, which is 480 at least: text is cut first, at a character's border, then parameters of the
// structured data are left out whole, those that fit stay; the text then ends with "…[truncated]". Control characters become
// blanks. MSGID is the rule's name. `structured`: the body is "[SD…] text"; one that is not is text altogether.
SyslogRecord make_syslog_record(const SyslogOptions& options, SyslogHeader header, bool structured, pid_t pid,
                                const Message& message);

}  // namespace shrike::outputs
