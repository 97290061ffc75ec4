// SPDX-License-Identifier: Apache-2.0
// One LogRecord of OTLP/JSON (formats.md 1.9). Resource and scope are the destination's: service.name, host.name, host.id.
#include <cmath>
#include <limits>
#include <utility>

#include "outputs/encode/details.h"
#include "outputs/encode/encoders.h"
#include "outputs/encode/json_writer.h"
#include "outputs/encode/text.h"

namespace shrike::outputs {
namespace {

void write_any(JsonWriter& json, const act::FieldValue& value) {
  static constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  const auto* natural = std::get_if<std::uint64_t>(&value);
  const auto* real = std::get_if<double>(&value);
  json.object("value");
  if (const auto* flag = std::get_if<bool>(&value)) {
    json.flag("boolValue", *flag);
  } else if (std::holds_alternative<std::int64_t>(value) || (natural != nullptr && *natural <= kMax)) {
    json.value_text("intValue", *field_text(value));
  } else if (real != nullptr && std::isfinite(*real)) {
    json.value("doubleValue", value);
  } else if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    json.object("arrayValue");
    json.array("values");
    for (const std::string& text : *texts) {
      json.object();
      json.value_text("stringValue", text);
      json.end();
    }
    json.end();
    json.end();
  } else {
    json.value_text("stringValue", field_text(value).value_or(""));
  }
  json.end();
}

class Attributes {
 public:
  explicit Attributes(JsonWriter& json) : json_(json) {}
  void text(std::string_view key, std::string_view value) {
    if (!value.empty()) any(key, std::string(value));
  }
  void number(std::string_view key, std::optional<std::int64_t> value) {
    if (value) any(key, *value);
  }
  void any(std::string_view key, const act::FieldValue& value) {
    json_.object();
    json_.value_text("key", key);
    write_any(json_, value);
    json_.end();
  }

 private:
  JsonWriter& json_;
};

void write_attributes(JsonWriter& json, const Details& of) {
  json.array("attributes");
  Attributes out(json);
  out.text("security_rule.name", of.alert.rule);
  out.text("shrike.event.id", of.alert.id);
  out.text("shrike.source", of.alert.source);
  out.text("shrike.activity", of.deed.name);
  out.text("shrike.action", of.action());
  out.text("shrike.verdict", of.alert.verdict);
  if (of.effect > Effect::kDetected) {
    out.text("shrike.hook", of.alert.hook);
    out.number("shrike.errno", of.alert.error_number);
    out.number("shrike.generation", of.alert.generation);
  }
  out.text("shrike.result", of.result);
  if (!of.alert.tags.empty()) out.any("shrike.tags", of.alert.tags);
  if (!of.techniques.empty())
    out.any("shrike.mitre.technique", std::vector<std::string>(of.techniques.begin(), of.techniques.end()));
  out.number("process.pid", of.process.pid);
  out.number("process.parent_pid", of.parent.pid);
  out.text("process.executable.name", of.process.name);
  out.text("process.executable.path", of.process.path);
  out.text("process.command_line", of.process.command_line);
  if (const std::span<const std::string> args = of.list("proc.args"); !args.empty()) {
    std::vector<std::string> all{std::string(of.text("proc.exe"))};
    all.insert(all.end(), args.begin(), args.end());
    out.any("process.command_args", all);
  }
  out.text("process.working_directory", of.text("proc.cwd"));
  out.text("process.owner", of.text("user.name"));
  out.number("process.user.id", of.number("user.uid"));
  out.text("file.path", of.file.path);
  if (of.network.known()) {
    const bool inbound = of.network.outbound && !*of.network.outbound;
    out.text("network.transport", of.network.transport);
    out.text("network.type", of.network.version == 6 ? "ipv6" : "ipv4");
    out.text("network.local.address", inbound ? of.network.destination : of.network.source);
    out.number("network.local.port", inbound ? of.network.destination_port : of.network.source_port);
    out.text("network.peer.address", inbound ? of.network.source : of.network.destination);
    out.number("network.peer.port", inbound ? of.network.source_port : of.network.destination_port);
  }
  if (!of.container_id.empty()) {
    out.text("container.id", of.container_id);
    out.text("container.name", of.container_name);
    out.text("container.image.name", of.image);
    if (!of.image_tag.empty()) out.any("container.image.tags", std::vector<std::string>{std::string(of.image_tag)});
    out.text("container.runtime", of.text("container.type"));
    out.text("k8s.namespace.name", of.namespace_name);
    out.text("k8s.pod.name", of.pod);
    out.text("k8s.pod.uid", of.text("k8s.pod.uid"));
  }
  const auto fields = unique_fields(of.alert, [](std::string_view name) { return "shrike.field." + clean(name); });
  for (const auto& [key, value] : fields) out.any(key, *value);
  json.end();
}

class OtlpEncoder final : public Encoder {
 public:
  explicit OtlpEncoder(HostFacts host) : host_(std::move(host)) {}

  std::string encode(const act::Alert& alert) const override {
    const Details of(alert, host_);
    JsonWriter json;
    json.text("timeUnixNano", std::to_string(alert.time_ns));
    json.text("observedTimeUnixNano", std::to_string(alert.time_ns));
    json.number("severityNumber", of.level.otlp);
    json.text("severityText", of.level.otlp_text);
    json.text("eventName", of.effect == Effect::kNotice ? "shrike.notice" : "shrike.alert");
    json.object("body");
    json.value_text("stringValue", alert.message);
    json.end();
    write_attributes(json, of);
    return json.finish();
  }

 private:
  HostFacts host_;
};

}  // namespace

std::unique_ptr<Encoder> make_otlp(HostFacts host) { return std::make_unique<OtlpEncoder>(std::move(host)); }

}  // namespace shrike::outputs
