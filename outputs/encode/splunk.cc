// SPDX-License-Identifier: Apache-2.0
// Splunk's HTTP event collector: its envelope around an event with fields of the Common Information Model (formats.md 1.5).
#include <utility>

#include "outputs/encode/details.h"
#include "outputs/encode/encoders.h"
#include "outputs/encode/json_writer.h"
#include "outputs/encode/text.h"

namespace shrike::outputs {
namespace {

// Epoch seconds with three digits below.
std::string seconds(std::uint64_t epoch_ns) {
  std::string text = milliseconds_text(epoch_ns);
  if (text.size() < 4) text.insert(0, 4 - text.size(), '0');
  return text.insert(text.size() - 3, 1, '.');
}

std::string_view program(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void write_event(JsonWriter& json, const Details& of, const HostFacts& host) {
  json.object("event");
  json.text("id", of.alert.id);
  json.text("signature", of.alert.rule);
  json.text("description", of.alert.message);
  json.text("severity", of.level.cim);
  json.number("severity_id", of.level.cef);
  json.text("priority", of.level.priority);
  json.text("type", of.effect == Effect::kNotice ? "event" : "alert");
  json.text("app", "shrike");
  json.text("ids_type", "host");
  json.text("category", spelling(of.deed.category));
  json.text("activity", of.deed.name);
  if (of.effect != Effect::kNotice) json.text("action", of.refused() ? "blocked" : "allowed");
  json.text("verdict", of.alert.verdict);
  if (of.effect > Effect::kDetected) {
    json.text("hook", of.alert.hook);
    json.number("errno", of.alert.error_number);
    json.number("generation", of.alert.generation);
  }
  json.text("result", of.result);
  json.text("dvc", of.hostname);
  json.text("dvc_id", host.machine_id);
  // Of the network it is the other side, else what the alert is about: this host.
  json.text("dest", of.network.destination.empty() ? of.hostname : of.network.destination);
  json.text("dest_ip", of.network.destination);
  json.number("dest_port", of.network.destination_port);
  json.text("src", of.network.source);
  json.text("src_ip", of.network.source);
  json.number("src_port", of.network.source_port);
  json.text("transport", of.network.transport);
  if (of.network.known()) json.text("protocol", "ip");
  if (of.network.outbound && of.network.known()) json.text("direction", *of.network.outbound ? "outbound" : "inbound");
  json.text("user", of.text("user.name"));
  json.text("user_id", of.id("user.uid"));
  json.text("process", of.process.command_line);
  json.text("process_name", of.process.name);
  json.text("process_exec", program(of.process.path));
  json.text("process_path", of.process.path);
  json.number("process_id", of.process.pid);
  json.text("process_guid", of.process.entity_id);
  json.text("process_current_directory", of.text("proc.cwd"));
  json.text("parent_process", of.parent.command_line);
  json.text("parent_process_name", of.parent.name);
  json.text("parent_process_exec", program(of.parent.path));
  json.text("parent_process_path", of.parent.path);
  json.number("parent_process_id", of.parent.pid);
  json.text("parent_process_guid", of.parent.entity_id);
  json.text("file_path", of.file.path);
  json.text("file_name", of.file.name);
  json.text("old_file_path", of.file.old_path);
  json.text("container_id", of.container_id);
  json.text("container_name", of.container_name);
  json.text("container_image", of.image_name());
  json.text("k8s_namespace", of.namespace_name);
  json.text("k8s_pod", of.pod);
  json.text("mitre_technique_id", of.joined_techniques());
  json.text("rule_tags", of.joined_tags());
  json.text("os", "Linux");
  json.text("vendor_product", "Shrike Shrike");
  json.object("output_fields");
  for (const auto& [key, value] : unique_fields(of.alert, [](std::string_view name) { return clean(name); }))
    json.value(key, *value);
  json.end();
  json.end();
}

class SplunkEncoder final : public Encoder {
 public:
  SplunkEncoder(EncoderOptions options, HostFacts host) : options_(std::move(options)), host_(std::move(host)) {}

  std::string encode(const act::Alert& alert) const override {
    const Details of(alert, host_);
    JsonWriter json;
    json.raw("time", seconds(alert.time_ns));
    json.text("host", of.hostname);
    json.text("source", options_.splunk_source);
    json.text("sourcetype", options_.splunk_sourcetype);
    json.text("index", options_.splunk_index);
    write_event(json, of, host_);
    json.object("fields");
    json.text("severity", of.level.cim);
    if (of.effect != Effect::kNotice) json.text("action", of.refused() ? "blocked" : "allowed");
    json.end();
    return json.finish();
  }

 private:
  EncoderOptions options_;
  HostFacts host_;
};

}  // namespace

std::unique_ptr<Encoder> make_splunk(const EncoderOptions& options, HostFacts host) {
  return std::make_unique<SplunkEncoder>(options, std::move(host));
}

}  // namespace shrike::outputs
