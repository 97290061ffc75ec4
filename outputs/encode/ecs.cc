// SPDX-License-Identifier: Apache-2.0
// Elastic Common Schema 8.17 (formats.md 1.1). What ECS has no field for stands in the object `shrike`.
#include <algorithm>
#include <utility>

#include "outputs/encode/details.h"
#include "outputs/encode/encoders.h"
#include "outputs/encode/json_writer.h"
#include "outputs/encode/text.h"

namespace shrike::outputs {
namespace {

constexpr std::size_t kMilliseconds = 3;

void write_event(JsonWriter& json, const Details& of) {
  json.object("event");
  json.text("id", of.alert.id);
  json.text("kind", of.effect == Effect::kNotice ? "event" : "alert");
  json.array("category");
  static constexpr std::string_view kCategories[] = {"process", "file", "network", "driver", "configuration"};
  json.item(kCategories[static_cast<std::size_t>(of.deed.category)]);
  if (of.refused()) json.item("intrusion_detection");
  json.end();
  json.array("type");
  json.item(of.deed.ecs_type);
  if (of.refused()) json.item("denied");
  json.end();
  json.text("action", std::string(of.deed.name) + (of.effect == Effect::kBlocked  ? "-blocked"
                                                   : of.effect == Effect::kKilled ? "-killed"
                                                                                  : ""));
  json.text("outcome", of.outcome());
  json.text("module", "shrike");
  json.text("dataset", "shrike.alert");
  json.text("provider", of.alert.source);
  json.number("severity", of.level.ecs);
  json.text("reason", of.alert.rule);
  json.end();
}

void write_process(JsonWriter& json, const Details& of) {
  const auto common = [&](const Details::Process& process) {
    json.number("pid", process.pid);
    json.text("entity_id", process.entity_id);
    json.text("name", process.name);
    json.text("executable", process.path);
    json.text("command_line", process.command_line);
    if (process.start_ns && *process.start_ns > 0)
      json.text("start", utc_text(static_cast<std::uint64_t>(*process.start_ns), kMilliseconds));
  };
  json.object("process");
  common(of.process);
  if (const std::span<const std::string> args = of.list("proc.args"); !args.empty()) {
    json.array("args");
    json.item(of.text("proc.exe"));
    for (const std::string& arg : args) json.item(arg);
    json.end();
    if (const auto count = of.number("proc.cmdnargs")) json.number("args_count", *count + 1);
  }
  std::string_view cwd = of.text("proc.cwd");
  if (cwd.size() > 1 && cwd.ends_with('/')) cwd.remove_suffix(1);
  json.text("working_directory", cwd);
  json.object("thread");
  json.number("id", of.number("thread.tid"));
  json.end();
  json.object("user");
  json.text("id", of.id("user.uid"));
  json.text("name", of.text("user.name"));
  json.end();
  json.object("group");
  json.text("id", of.id("group.gid"));
  json.text("name", of.text("group.name"));
  json.end();
  json.object("session_leader");
  json.number("pid", of.number("proc.sid"));
  json.end();
  json.object("parent");
  common(of.parent);
  json.end();
  json.end();
}

void write_file(JsonWriter& json, const Details& of) {
  json.object("file");
  json.text("path", of.file.path);
  json.text("name", of.file.name);
  json.text("directory", of.file.directory);
  json.text("target_path", of.file.target);
  if (!of.file.path.empty()) {
    json.text("type", of.file.type == "directory" ? "dir" : of.file.type == "file" ? "file" : "");
    if (of.number("fd.ino").value_or(0) > 0) json.text("inode", of.id("fd.ino"));
  }
  json.end();
}

void write_network(JsonWriter& json, const Details& of) {
  const auto end = [&](std::string_view key, std::string_view address, std::optional<std::int64_t> port) {
    if (address.empty()) return;
    json.object(key);
    json.text("ip", address);
    json.number("port", port);
    json.end();
  };
  end("source", of.network.source, of.network.source_port);
  end("destination", of.network.destination, of.network.destination_port);
  json.object("network");
  json.text("transport", of.network.transport);
  json.text("type", of.network.version == 4 ? "ipv4" : of.network.version == 6 ? "ipv6" : "");
  if (of.network.outbound && of.network.known()) json.text("direction", *of.network.outbound ? "egress" : "ingress");
  if (of.network.protocol) json.text("iana_number", std::to_string(*of.network.protocol));
  json.end();
}

void write_container(JsonWriter& json, const Details& of) {
  if (of.container_id.empty()) return;
  json.object("container");
  json.text("id", of.container_id);
  json.text("name", of.container_name);
  json.text("runtime", of.text("container.type"));
  json.object("image");
  json.text("name", of.image);
  json.array("tag");
  if (!of.image_tag.empty()) json.item(of.image_tag);
  json.end();
  json.object("hash");
  json.array("all");
  if (const std::string_view digest = of.text("container.image.digest"); !digest.empty()) json.item(digest);
  json.end();
  json.end();
  json.end();
  json.end();
  if (of.pod.empty()) return;
  json.object("orchestrator");
  json.text("type", "kubernetes");
  json.text("namespace", of.namespace_name);
  json.object("resource");
  json.text("type", "pod");
  json.text("name", of.pod);
  json.text("id", of.text("k8s.pod.uid"));
  json.end();
  json.end();
}

void write_threat(JsonWriter& json, const Details& of) {
  if (of.tactics.empty() && of.techniques.empty()) return;
  json.object("threat");
  json.text("framework", "MITRE ATT&CK");
  json.object("tactic");
  json.array("id");
  for (const Tactic* tactic : of.tactics) json.item(tactic->id);
  json.end();
  json.array("name");
  for (const Tactic* tactic : of.tactics) json.item(tactic->name);
  json.end();
  json.end();
  // A sub-technique names its technique too.
  std::vector<std::string_view> techniques, subtechniques;
  for (const std::string_view technique : of.techniques) {
    if (technique.contains('.')) subtechniques.push_back(technique);
    const std::string_view whole = technique.substr(0, technique.find('.'));
    if (std::ranges::find(techniques, whole) == techniques.end()) techniques.push_back(whole);
  }
  json.object("technique");
  json.array("id");
  for (const std::string_view technique : techniques) json.item(technique);
  json.end();
  json.object("subtechnique");
  json.array("id");
  for (const std::string_view technique : subtechniques) json.item(technique);
  json.end();
  json.end();
  json.end();
  json.end();
}

void write_related(JsonWriter& json, const Details& of) {
  json.object("related");
  json.array("user");
  if (const std::string_view user = of.text("user.name"); !user.empty()) json.item(user);
  json.end();
  json.array("hosts");
  if (!of.hostname.empty()) json.item(of.hostname);
  json.end();
  json.array("ip");
  for (const std::string_view address : {of.network.source, of.network.destination}) {
    if (!address.empty()) json.item(address);
  }
  json.end();
  json.end();
}

// Output fields are texts here and their names hold no dots, so that no field of an index can be a value once and an object once.
void write_own(JsonWriter& json, const Details& of) {
  json.object("shrike");
  json.raw("time_ns", std::to_string(of.alert.time_ns));
  json.text("priority", of.level.priority);
  json.text("verdict", of.alert.verdict);
  if (of.effect > Effect::kDetected) {
    json.text("hook", of.alert.hook);
    json.number("errno", of.alert.error_number);
    json.number("generation", of.alert.generation);
  }
  if (of.result != "SUCCESS") json.text("result", of.result);
  json.text("old_path", of.file.old_path);
  json.object("login");
  if (of.number("user.loginuid").value_or(-1) >= 0) json.text("id", of.id("user.loginuid"));
  json.text("name", of.text("user.loginname"));
  json.end();
  json.object("output_fields");
  for (const auto& [key, value] : unique_fields(of.alert, underscored)) json.value_text(key, *field_text(*value));
  json.end();
  json.end();
}

class EcsEncoder final : public Encoder {
 public:
  explicit EcsEncoder(HostFacts host) : host_(std::move(host)) {}

  std::string encode(const act::Alert& alert) const override {
    const Details of(alert, host_);
    JsonWriter json;
    json.text("@timestamp", utc_text(alert.time_ns, kMilliseconds));
    json.text("message", alert.message);
    json.array("tags");
    for (const std::string& tag : alert.tags) json.item(tag);
    json.end();
    json.object("ecs");
    json.text("version", "8.17.0");
    json.end();
    write_event(json, of);
    json.object("rule");
    json.text("name", alert.rule);
    json.end();
    if (of.process.known()) write_process(json, of);
    json.object("user");
    json.text("id", of.id("user.uid"));
    json.text("name", of.text("user.name"));
    json.end();
    write_file(json, of);
    write_network(json, of);
    write_container(json, of);
    json.object("host");
    json.text("name", of.hostname);
    json.text("hostname", of.hostname);
    json.text("id", host_.machine_id);
    json.object("os");
    json.text("type", "linux");
    json.text("kernel", host_.kernel);
    json.end();
    json.end();
    write_threat(json, of);
    write_related(json, of);
    json.object("agent");
    json.text("type", "shrike");
    json.text("version", product_version());
    json.text("id", host_.machine_id);
    json.end();
    json.object("data_stream");
    json.text("type", "logs");
    json.text("dataset", "shrike.alert");
    json.text("namespace", "default");
    json.end();
    write_own(json, of);
    return json.finish();
  }

 private:
  HostFacts host_;
};

}  // namespace

std::unique_ptr<Encoder> make_ecs(HostFacts host) { return std::make_unique<EcsEncoder>(std::move(host)); }

}  // namespace shrike::outputs
