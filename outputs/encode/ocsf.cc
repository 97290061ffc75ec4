// SPDX-License-Identifier: Apache-2.0
// OCSF Detection Finding, class 2004 (formats.md 1.2). Attributes are those of the version asked for; what it has none for stands
// in `unmapped`.
#include <utility>

#include "outputs/encode/details.h"
#include "outputs/encode/encoders.h"
#include "outputs/encode/json_writer.h"
#include "outputs/encode/text.h"

namespace shrike::outputs {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::size_t kNanoseconds = 9;

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// name, type_id and, where it is known, path. A file needs a name.
void write_file(JsonWriter& json, std::string_view key, std::string_view path, int type_id) {
  if (path.empty()) return;
  const std::string_view name = last_component(path);
  json.object(key);
  json.text("name", name.empty() ? path : name);
  json.text("path", path);
  json.number("type_id", type_id);
  json.text("type", type_id == 1 ? "Regular File" : type_id == 2 ? "Folder" : "Unknown");
  json.end();
}

void write_user(JsonWriter& json, const Details& of) {
  json.object("user");
  json.text("name", of.text("user.name"));
  json.text("uid", of.id("user.uid"));
  json.end();
}

void write_container(JsonWriter& json, const Details& of) {
  if (of.container_id.empty()) return;
  json.object("container");
  json.text("uid", of.container_id);
  json.text("name", of.container_name);
  json.text("runtime", of.text("container.type"));
  json.text("pod_uuid", of.text("k8s.pod.uid"));
  json.object("image");
  const std::string_view digest = of.text("container.image.digest");
  json.text("uid", digest.empty() ? of.text("container.image.id") : digest);
  json.text("name", of.image_name());
  json.end();
  json.end();
}

void write_process(JsonWriter& json, std::string_view key, const Details& of, const Details::Process& process, bool of_event) {
  if (!process.pid) return;  // one without pid is none there
  json.object(key);
  json.number("pid", process.pid);
  json.text("uid", process.entity_id);
  json.text("name", process.name);
  json.text("cmd_line", process.command_line);
  write_file(json, "file", process.path, 1);
  if (process.start_ns && *process.start_ns > 0)
    json.number("created_time", *process.start_ns / static_cast<std::int64_t>(kNsPerMs));
  if (of_event) {
    json.number("tid", of.number("thread.tid"));
    write_user(json, of);
    write_container(json, of);
    write_process(json, "parent_process", of, of.parent, false);
  }
  json.end();
}

void write_endpoint(JsonWriter& json, std::string_view key, std::string_view address, std::optional<std::int64_t> port) {
  if (address.empty()) return;
  json.object(key);
  json.text("ip", address);
  json.number("port", port);
  json.end();
}

// Who did it, and to what. Of an exec the parent did it, and the process is what came of it; the user is that of the process.
void write_evidences(JsonWriter& json, const Details& of) {
  json.array("evidences");
  json.object();
  const bool exec = of.deed.name == "exec";
  json.object("actor");
  if (exec) {
    write_process(json, "process", of, of.parent, false);
  } else {
    write_process(json, "process", of, of.process, true);
    write_user(json, of);
  }
  json.end();
  if (exec) write_process(json, "process", of, of.process, true);
  write_file(json, "file", of.file.path, of.file.type == "file" ? 1 : of.file.type == "directory" ? 2 : 0);
  write_endpoint(json, "src_endpoint", of.network.source, of.network.source_port);
  write_endpoint(json, "dst_endpoint", of.network.destination, of.network.destination_port);
  if (of.network.known()) {
    json.object("connection_info");
    json.text("protocol_name", of.network.transport);
    json.number("protocol_num", of.network.protocol);
    json.number("protocol_ver_id", of.network.version);
    json.number("direction_id", !of.network.outbound ? 0 : *of.network.outbound ? 2 : 1);
    json.text("direction", !of.network.outbound ? "Unknown" : *of.network.outbound ? "Outbound" : "Inbound");
    json.end();
  }
  json.end();
  json.end();
}

void write_resources(JsonWriter& json, const Details& of) {
  json.array("resources");
  if (!of.container_id.empty()) {
    json.object();
    json.text("type", "container");
    json.text("uid", of.container_id);
    json.text("name", of.container_name);
    json.end();
  }
  if (!of.pod.empty()) {
    json.object();
    json.text("type", "pod");
    json.text("uid", of.text("k8s.pod.uid"));
    json.text("name", of.pod_name());
    json.end();
  }
  json.end();
}

void write_attacks(JsonWriter& json, const Details& of) {
  const auto named = [&](std::string_view key, std::string_view uid, std::string_view name) {
    json.object(key);
    json.text("uid", uid);
    json.text("name", name);
    json.end();
  };
  json.array("attacks");
  // Tags do not say which technique serves which tactic, unless there is only one.
  const bool one = of.tactics.size() == 1;
  if (!one || of.techniques.empty()) {
    for (const Tactic* tactic : of.tactics) {
      json.object();
      named("tactic", tactic->id, tactic->name);
      json.end();
    }
  }
  for (const std::string_view technique : of.techniques) {
    json.object();
    if (one) named("tactic", of.tactics[0]->id, of.tactics[0]->name);
    named("technique", technique.substr(0, technique.find('.')), "");
    if (technique.contains('.')) named("sub_technique", technique, "");
    json.end();
  }
  json.end();
}

class OcsfEncoder final : public Encoder {
 public:
  OcsfEncoder(std::string version, HostFacts host)
      : version_(std::move(version)), minor_(version_.size() > 2 ? version_[2] - '0' : 0), host_(std::move(host)) {}

  std::string encode(const act::Alert& alert) const override {
    const Details of(alert, host_);
    JsonWriter json;
    write_metadata(json, of);
    json.number("category_uid", 2);
    json.text("category_name", "Findings");
    json.number("class_uid", 2004);
    json.text("class_name", "Detection Finding");
    json.number("activity_id", 1);
    json.text("activity_name", "Create");
    json.number("type_uid", 200401);
    json.text("type_name", "Detection Finding: Create");
    json.number("time", time_ms(alert));
    json.number("severity_id", of.level.ocsf_id);
    json.text("severity", of.level.ocsf);
    json.number("status_id", 1);
    json.text("status", "New");
    json.text("message", alert.message);
    write_control(json, of);
    write_finding(json, of);
    if (of.effect != Effect::kNotice) write_evidences(json, of);
    write_resources(json, of);
    json.object("device");
    json.number("type_id", 0);
    json.text("type", "Unknown");
    json.text("hostname", of.hostname);
    json.text("uid", host_.machine_id);
    json.object("os");
    json.text("name", "Linux");
    json.number("type_id", 200);
    json.text("type", "Linux");
    json.end();
    json.end();
    write_observables(json, of);
    write_unmapped(json, of);
    return json.finish();
  }

 private:
  static std::int64_t time_ms(const act::Alert& alert) { return static_cast<std::int64_t>(alert.time_ns / kNsPerMs); }

  void write_metadata(JsonWriter& json, const Details& of) const {
    json.object("metadata");
    json.text("version", version_);
    json.text("uid", of.alert.id);
    json.text("log_name", "alerts");
    json.text("event_code", of.alert.rule);
    json.text("original_time", utc_text(of.alert.time_ns, kNanoseconds));
    json.array("profiles");
    json.item("host");
    if (of.effect != Effect::kNotice) json.item("security_control");
    if (!of.container_id.empty()) json.item("container");
    json.end();
    json.object("product");
    json.text("vendor_name", "Shrike");
    json.text("name", "Shrike");
    json.text("version", product_version());
    json.end();
    json.end();
  }

  void write_control(JsonWriter& json, const Details& of) const {
    if (of.effect == Effect::kNotice) return;
    const bool observed = of.effect == Effect::kObserved && minor_ >= 4;  // before there was no such action
    json.number("action_id", of.refused() ? 2 : observed ? 3 : 1);
    json.text("action", of.refused() ? "Denied" : observed ? "Observed" : "Allowed");
    json.number("disposition_id", of.refused() ? 2 : 19);
    json.text("disposition", of.refused() ? "Blocked" : "Alert");
    if (minor_ >= 4) json.flag("is_alert", true);
  }

  static void write_finding(JsonWriter& json, const Details& of) {
    json.object("finding_info");
    json.value_text("uid", of.alert.id);
    json.value_text("title", of.alert.rule);
    json.number("created_time", time_ms(of.alert));
    json.object("analytic");
    const bool rule = of.effect != Effect::kNotice;
    json.number("type_id", rule ? 1 : 99);
    json.text("type", rule ? "Rule" : "Engine");
    json.text("name", of.alert.rule);
    json.end();
    write_attacks(json, of);
    json.end();
  }

  void write_observables(JsonWriter& json, const Details& of) const {
    const bool exec = of.deed.name == "exec";
    const std::string at = exec ? "evidences[].process." : "evidences[].actor.process.";
    const auto observe = [&](std::string_view name, int type_id, std::string_view type, std::string_view value) {
      if (value.empty()) return;
      json.object();
      json.text("name", name);
      json.number("type_id", type_id);
      json.text("type", type);
      json.text("value", value);
      json.end();
    };
    json.array("observables");
    observe("device.hostname", 1, "Hostname", of.hostname);
    if (of.effect != Effect::kNotice) {
      observe("evidences[].src_endpoint.ip", 2, "IP Address", of.network.source);
      observe("evidences[].dst_endpoint.ip", 2, "IP Address", of.network.destination);
      observe(exec ? "evidences[].process.user.name" : "evidences[].actor.user.name", 4, "User Name", of.text("user.name"));
      observe(at + "name", 9, "Process Name", of.process.name);
      if (minor_ >= 3) observe(at + "cmd_line", 13, "Command Line", of.process.command_line);
      if (minor_ >= 5) {
        observe(at + "file.path", 45, "File Path", of.process.path);
        observe("evidences[].file.path", 45, "File Path", of.file.path);
      }
    }
    json.end();
  }

  static void write_unmapped(JsonWriter& json, const Details& of) {
    json.object("unmapped");
    json.text("source", of.alert.source);
    json.text("event_type", of.text("evt.type"));
    json.text("activity", of.effect == Effect::kNotice ? std::string_view() : of.deed.name);
    json.text("priority", of.level.priority);
    json.text("verdict", of.alert.verdict);
    if (of.effect > Effect::kDetected) {
      json.text("hook", of.alert.hook);
      json.number("errno", of.alert.error_number);
      json.number("generation", of.alert.generation);
    }
    json.text("result", of.result);
    json.text("old_path", of.file.old_path);
    json.text("link_target", of.file.target);
    json.array("tags");
    for (const std::string& tag : of.alert.tags) json.item(tag);
    json.end();
    json.object("output_fields");
    for (const auto& [key, value] : unique_fields(of.alert, [](std::string_view name) { return clean(name); }))
      json.value(key, *value);
    json.end();
    json.end();
  }

  std::string version_;
  int minor_;
  HostFacts host_;
};

}  // namespace

std::unique_ptr<Encoder> make_ocsf(const EncoderOptions& options, HostFacts host) {
  return std::make_unique<OcsfEncoder>(options.ocsf_version, std::move(host));
}

}  // namespace shrike::outputs
