// SPDX-License-Identifier: Apache-2.0
// Structured data and text of an RFC 5424 message (formats.md 1.6): what stands behind MSGID. The header is the destination's.
#include <utility>

#include "outputs/encode/details.h"
#include "outputs/encode/encoders.h"
#include "outputs/encode/text.h"

namespace shrike::outputs {
namespace {

// One SD-ELEMENT; without parameters there is none.
class Element {
 public:
  Element(std::string_view name, std::uint32_t enterprise) : id_('[' + std::string(name) + '@' + std::to_string(enterprise)) {}

  Element& add(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    parameters_ += ' ';
    parameters_ += name;
    parameters_ += "=\"";
    for (const char c : visible(value)) {
      if (c == '"' || c == '\\' || c == ']') parameters_ += '\\';
      parameters_ += c;
    }
    parameters_ += '"';
    return *this;
  }
  Element& add(std::string_view name, std::optional<std::int64_t> value) {
    return value ? add(name, std::to_string(*value)) : *this;
  }
  std::string finish() const { return parameters_.empty() ? std::string() : id_ + parameters_ + ']'; }

 private:
  std::string id_, parameters_;
};

class Rfc5424Encoder final : public Encoder {
 public:
  Rfc5424Encoder(std::uint32_t enterprise, HostFacts host) : enterprise_(enterprise), host_(std::move(host)) {}

  std::string encode(const act::Alert& alert) const override {
    const Details of(alert, host_);
    const std::string data = Element("alert", enterprise_)
                                 .add("id", alert.id)
                                 .add("rule", alert.rule)
                                 .add("priority", of.level.priority)
                                 .add("source", alert.source)
                                 .add("activity", of.deed.name)
                                 .add("action", of.action())
                                 .add("verdict", alert.verdict)
                                 .add("result", of.result)
                                 .add("tags", of.joined_tags())
                                 .finish() +
                             Element("proc", enterprise_)
                                 .add("pid", of.process.pid)
                                 .add("name", of.process.name)
                                 .add("exe", of.process.path)
                                 .add("cmdline", of.process.command_line)
                                 .add("ppid", of.parent.pid)
                                 .add("pname", of.parent.name)
                                 .add("pexe", of.parent.path)
                                 .add("uid", of.id("user.uid"))
                                 .add("user", of.text("user.name"))
                                 .finish() +
                             Element("file", enterprise_)
                                 .add("path", of.file.path)
                                 .add("oldPath", of.file.old_path)
                                 .add("target", of.file.target)
                                 .finish() +
                             Element("net", enterprise_)
                                 .add("src", of.network.source)
                                 .add("srcPort", of.network.source_port)
                                 .add("dst", of.network.destination)
                                 .add("dstPort", of.network.destination_port)
                                 .add("proto", of.network.transport)
                                 .finish() +
                             Element("container", enterprise_)
                                 .add("id", of.container_id)
                                 .add("name", of.container_name)
                                 .add("image", of.image_name())
                                 .add("pod", of.pod_name())
                                 .finish();
    return (data.empty() ? "-" : data) + ' ' + visible(alert.message);
  }

 private:
  std::uint32_t enterprise_;
  HostFacts host_;
};

}  // namespace

std::unique_ptr<Encoder> make_rfc5424(const EncoderOptions& options, HostFacts host) {
  return std::make_unique<Rfc5424Encoder>(options.enterprise_id, std::move(host));
}

}  // namespace shrike::outputs
