// SPDX-License-Identifier: Apache-2.0
// QRadar's Log Event Extended Format 2.0 with a tab as delimiter (formats.md 1.4). It has no escapes: in values tabs and line
// breaks are blanks, in the header '|' is '_'.
#include <utility>

#include "outputs/encode/details.h"
#include "outputs/encode/encoders.h"
#include "outputs/encode/text.h"

namespace shrike::outputs {
namespace {

std::string blanked(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '\t' || c == '\n' || c == '\r') c = ' ';
  }
  return visible(out);
}

std::string header(std::string_view text) {
  std::string out = blanked(text);
  for (char& c : out) {
    if (c == '|') c = '_';
  }
  return out;
}

class LeefEncoder final : public Encoder {
 public:
  explicit LeefEncoder(HostFacts host) : host_(std::move(host)) {}

  std::string encode(const act::Alert& alert) const override {
    const Details of(alert, host_);
    std::string out = "LEEF:2.0|Shrike|Shrike|" + header(product_version()) + '|' + header(alert.rule) + "|x09|";
    bool first = true;
    const auto add = [&](std::string_view key, std::string_view value) {
      if (value.empty()) return;
      if (!first) out += '\t';
      first = false;
      out += key;
      out += '=';
      out += blanked(value);
    };
    const auto number = [&](std::string_view key, std::optional<std::int64_t> value) {
      if (value) add(key, std::to_string(*value));
    };
    add("cat", spelling(of.deed.category));
    add("devTime", milliseconds_text(alert.time_ns));
    add("sev", std::to_string(of.level.leef));
    add("src", of.network.source);
    add("dst", of.network.destination);
    number("srcPort", of.network.source_port);
    number("dstPort", of.network.destination_port);
    std::string transport(of.network.transport);
    for (char& c : transport) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    add("proto", transport);
    add("usrName", of.text("user.name"));
    add("resource", of.hostname);
    add("policy", alert.rule);
    add("action", of.action());
    add("verdict", alert.verdict);
    if (of.effect != Effect::kNotice) add("outcome", of.outcome());
    add("activity", of.deed.name);
    add("eventId", alert.id);
    add("userId", of.id("user.uid"));
    add("processName", of.process.name);
    add("processPath", of.process.path);
    number("processId", of.process.pid);
    add("commandLine", of.process.command_line);
    add("parentProcessName", of.parent.name);
    add("parentProcessPath", of.parent.path);
    number("parentProcessId", of.parent.pid);
    add("parentCommandLine", of.parent.command_line);
    add("filePath", of.file.path);
    add("oldFilePath", of.file.old_path);
    add("containerId", of.container_id);
    add("containerName", of.container_name);
    add("image", of.image_name());
    add("k8sPod", of.pod_name());
    add("mitreTechnique", of.joined_techniques());
    add("tags", of.joined_tags());
    add("msg", alert.message);
    return out;
  }

 private:
  HostFacts host_;
};

}  // namespace

std::unique_ptr<Encoder> make_leef(HostFacts host) { return std::make_unique<LeefEncoder>(std::move(host)); }

}  // namespace shrike::outputs
