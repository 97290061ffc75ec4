// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/container_files.h"

#include <algorithm>
#include <array>
#include <climits>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>
#include <utility>

#include "engine/enrich/bolt.h"
#include "engine/enrich/read_file.h"

namespace shrike::enrich {
namespace {

using Json = nlohmann::json;
using event::ContainerFacts;
using event::Labels;
using event::Mount;
using event::Pod;

constexpr std::string_view kConfig = "/config.json";
constexpr std::string_view kTasks = "io.containerd.runtime.v2.task";
constexpr std::string_view kTaskDirectories[] = {"/run/containerd/io.containerd.runtime.v2.task",
                                                 "/run/docker/containerd/daemon/io.containerd.runtime.v2.task",
                                                 "/run/k3s/containerd/io.containerd.runtime.v2.task"};
constexpr std::string_view kStorageDrivers[] = {"overlay", "vfs", "btrfs", "zfs"};
constexpr std::size_t kNamespacesMax = 64;  // of containerd
constexpr std::size_t kResultsMax = 4096;   // of CNI
constexpr std::string_view kKubernetes = "io.kubernetes.";
constexpr std::string_view kCriOwn = "io.cri-containerd";  // labels that containerd's CRI puts beside the kubelet's
constexpr std::string_view kCri = "io.kubernetes.cri.";
constexpr std::string_view kCrio = "io.kubernetes.cri-o.";

// Nothing where the path through objects does not lead to a value of that kind.
const Json* look(const Json& from, std::initializer_list<std::string_view> keys) {
  const Json* at = &from;
  for (const std::string_view key : keys) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(key);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

const std::string* text_at(const Json& from, std::initializer_list<std::string_view> keys) {
  const Json* found = look(from, keys);
  return found == nullptr ? nullptr : found->get_ptr<const std::string*>();
}

std::optional<bool> flag_at(const Json& from, std::initializer_list<std::string_view> keys) {
  const Json* found = look(from, keys);
  return found != nullptr && found->is_boolean() ? std::optional(found->get<bool>()) : std::nullopt;
}

std::optional<Json> parsed(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  Json json = Json::parse(*text, nullptr, false);
  return json.is_discarded() ? std::nullopt : std::optional(std::move(json));
}

std::string_view parent_of(std::string_view path, int levels) {
  for (int i = 0; i < levels; ++i) path = path.substr(0, path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/'));
  return path;
}

std::string_view last_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

// Names of what lies in a directory, at most `most`.
std::vector<std::string> names_in(const std::string& directory, std::size_t most) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end && names.size() < most;
       at.increment(error))
    names.push_back(at->path().filename().string());
  return names;
}

// sha256:… without what stands before the colon.
std::string without_algorithm(std::string_view id) { return std::string(id.substr(id.find(':') + 1)); }

// Does linux.cgroupsPath of a bundle put the container into this cgroup? Nothing given: the runtime names it after the id.
bool fits_cgroup(std::string_view given, std::string_view id, std::string_view cgroup) {
  if (given.empty()) return last_of(cgroup) == id;
  const std::size_t first = given.find(':');
  const std::size_t second = first == std::string_view::npos ? first : given.find(':', first + 1);
  if (second != std::string_view::npos) {  // SLICE:PREFIX:NAME, for systemd
    const std::string prefix(given.substr(first + 1, second - first - 1));
    const std::string name(given.substr(second + 1));
    const std::string_view last = last_of(cgroup);
    return last == (prefix.empty() ? name : prefix + '-' + name) + ".scope" || last == given;
  }
  const bool absolute = given.starts_with('/');
  const std::string wanted = absolute ? std::string(given) : '/' + std::string(given);
  return wanted.size() > 1 && cgroup.ends_with(wanted);
}

}  // namespace

ImageName split_image(std::string_view name) {
  ImageName image;
  if (const std::size_t at = name.find('@'); at != std::string_view::npos) {
    image.digest = name.substr(at + 1);
    name = name.substr(0, at);
  }
  const std::size_t colon = name.rfind(':');
  if (colon != std::string_view::npos && name.find('/', colon) == std::string_view::npos) {
    image.tag = name.substr(colon + 1);
    name = name.substr(0, colon);
  }
  image.repository = name;
  return image;
}

// One bundle and what belongs to it, read into one ContainerReading.
class BundleReader {
 public:
  BundleReader(ContainerFiles& files, const ContainerPlace& place, std::string bundle)
      : files_(files), place_(place), bundle_(std::move(bundle)) {}

  std::optional<ContainerReading> read() {
    const auto config = json(bundle_ + std::string(kConfig), ContainerFiles::kFileMax);
    if (!config || !config->is_object() || text_at(*config, {"ociVersion"}) == nullptr) return std::nullopt;
    annotations_ = labels_of(look(*config, {"annotations"}));
    read_spec(*config);
    const std::string* manager = annotation("io.container.manager");
    if (annotation(std::string(kCrio) + "ContainerType") != nullptr && (manager == nullptr || *manager != "libpod")) {
      read_crio();
    } else if (manager != nullptr && *manager == "libpod") {
      read_podman();
    } else if (const std::size_t at = bundle_.find(kTasks); at != std::string::npos) {
      const std::string_view space = last_of(parent_of(bundle_, 1));
      if (space == "moby") {
        read_docker();
      } else {
        read_containerd(std::string(space), *config);
      }
    } else {
      read_plain();
    }
    add_pod_of_labels();
    return std::move(reading_);
  }

 private:
  ContainerFacts& facts() { return reading_.facts; }

  std::optional<Json> json(const std::string& path, std::size_t most) {
    const auto text = files_.text(path, most);
    auto json = parsed(text);
    if (text && !json) ++files_.counters_.corrupt;
    return json;
  }

  const std::string* annotation(std::string_view key) const {
    const auto found = std::ranges::find(annotations_, key, &Labels::value_type::first);
    return found == annotations_.end() ? nullptr : &found->second;
  }

  std::optional<std::string> annotated(std::string_view prefix, std::string_view key) const {
    const std::string* value = annotation(std::string(prefix) + std::string(key));
    return value == nullptr ? std::nullopt : std::optional(*value);
  }

  std::string clipped(std::string_view text) {
    if (text.size() <= ContainerFiles::kTextMax) return std::string(text);
    ++files_.counters_.cut;
    return std::string(text.substr(0, ContainerFiles::kTextMax));
  }

  Labels labels_of(const Json* object) {
    Labels labels;
    if (object == nullptr || !object->is_object()) return labels;
    for (const auto& [key, value] : object->items()) {
      const auto* text = value.get_ptr<const std::string*>();
      if (text == nullptr) continue;
      if (labels.size() == ContainerFiles::kItemsMax) {
        ++files_.counters_.cut;
        break;
      }
      labels.emplace_back(clipped(key), clipped(*text));
    }
    return labels;
  }

  // --- the OCI spec

  void read_spec(const Json& config) {
    if (const std::string* path = text_at(config, {"root", "path"}); path != nullptr && !path->empty())
      reading_.rootfs = files_.at(path->starts_with('/') ? *path : bundle_ + '/' + *path);
    read_namespaces(look(config, {"linux", "namespaces"}), nullptr);
    facts().privileged = is_privileged(config);
    read_spec_mounts(look(config, {"mounts"}));
    reading_.uids = id_ranges(look(config, {"linux", "uidMappings"}));
    reading_.gids = id_ranges(look(config, {"linux", "gidMappings"}));
  }

  // A namespace that is not listed is the host's. One with a path is someone's: the sandbox's, if there is one.
  static bool is_host(const Json* list, std::string_view type, const Json* sandbox) {
    if (list == nullptr || !list->is_array()) return false;
    for (const Json& one : *list) {
      const std::string* of = text_at(one, {"type"});
      if (of == nullptr || *of != type) continue;
      const std::string* path = text_at(one, {"path"});
      if (path == nullptr || path->empty()) return false;
      return path->starts_with("/proc/1/ns/") || is_host(sandbox, type, nullptr);
    }
    return true;
  }

  void read_namespaces(const Json* list, const Json* sandbox) {
    facts().host_pid = is_host(list, "pid", sandbox);
    facts().host_network = is_host(list, "network", sandbox);
    facts().host_ipc = is_host(list, "ipc", sandbox);
  }

  // What every runtime makes of "privileged": nothing masked or read-only, all devices, CAP_SYS_ADMIN among the rest.
  static bool is_privileged(const Json& config) {
    const auto filled = [&](std::string_view key) {
      const Json* list = look(config, {"linux", key});
      return list != nullptr && list->is_array() && !list->empty();
    };
    if (filled("maskedPaths") || filled("readonlyPaths")) return false;
    const Json* bounding = look(config, {"process", "capabilities", "bounding"});
    if (bounding == nullptr || !bounding->is_array() || std::ranges::find(*bounding, Json("CAP_SYS_ADMIN")) == bounding->end())
      return false;
    const Json* devices = look(config, {"linux", "resources", "devices"});
    return devices != nullptr && devices->is_array() && std::ranges::any_of(*devices, [](const Json& rule) {
             const std::string* access = text_at(rule, {"access"});
             const std::string* type = text_at(rule, {"type"});
             return flag_at(rule, {"allow"}) == true && access != nullptr && *access == "rwm" &&
                    (type == nullptr || type->empty() || *type == "a") && look(rule, {"major"}) == nullptr;
           });
  }

  // Bind mounts: what else the container mounts (proc, tmpfs) shows nothing of the host.
  void read_spec_mounts(const Json* list) {
    std::vector<Mount> mounts;
    if (list != nullptr && list->is_array()) {
      for (const Json& one : *list) {
        if (auto mount = spec_mount(one)) add_mount(mounts, *std::move(mount));
      }
    }
    facts().mounts = std::move(mounts);
  }

  std::optional<Mount> spec_mount(const Json& one) {
    const std::string* source = text_at(one, {"source"});
    const std::string* dest = text_at(one, {"destination"});
    const std::string* type = text_at(one, {"type"});
    if (source == nullptr || dest == nullptr) return std::nullopt;
    Mount mount{.source = clipped(*source), .dest = clipped(*dest), .mode = {}, .propagation = {}};
    bool bind = type != nullptr && *type == "bind";
    if (const Json* options = look(one, {"options"}); options != nullptr && options->is_array()) {
      for (const Json& option : *options) {
        const auto* text = option.get_ptr<const std::string*>();
        if (text == nullptr) continue;
        bind = bind || *text == "bind" || *text == "rbind";
        if (*text == "ro") mount.writable = false;
        if (text->ends_with("private") || text->ends_with("shared") || text->ends_with("slave")) mount.propagation = *text;
      }
    }
    if (!bind) return std::nullopt;
    mount.mode = mount.writable ? "" : "ro";
    if (*dest == "/etc/passwd") reading_.passwd = files_.at(*source);
    if (*dest == "/etc/group") reading_.group = files_.at(*source);
    return mount;
  }

  void add_mount(std::vector<Mount>& mounts, Mount mount) {
    if (mounts.size() == ContainerFiles::kItemsMax) {
      ++files_.counters_.cut;
      return;
    }
    mounts.push_back(std::move(mount));
  }

  static std::vector<IdRange> id_ranges(const Json* list) {
    static constexpr std::size_t kRangesMax = 340;  // the kernel's (user_namespaces(7))
    std::vector<IdRange> ranges;
    if (list == nullptr || !list->is_array()) return ranges;
    const auto number = [](const Json& one, std::string_view key) {
      const Json* found = look(one, {key});
      const bool fits = found != nullptr && found->is_number_unsigned() && found->get<std::uint64_t>() <= UINT32_MAX;
      return fits ? found->get<std::uint32_t>() : 0U;
    };
    for (const Json& one : *list) {
      if (ranges.size() == kRangesMax) break;
      ranges.push_back({number(one, "containerID"), number(one, "hostID"), number(one, "size")});
    }
    return ranges;
  }

  // --- images

  void set_image(std::string_view name, bool defaults_to_latest) {
    if (name.starts_with("sha256:")) {  // an id, where the name is gone
      facts().image = clipped(name);
      facts().image_id = without_algorithm(name);
      return;
    }
    ImageName image = split_image(clipped(name));
    if (defaults_to_latest && image.tag.empty() && image.digest.empty()) image.tag = "latest";
    facts().image = image.tag.empty() ? clipped(name) : image.repository + ':' + image.tag;
    facts().repository = std::move(image.repository);
    facts().tag = std::move(image.tag);
    if (!image.digest.empty()) facts().digest = std::move(image.digest);
  }

  // --- runtimes

  // runc or crun alone: no image and no name but the id.
  void read_plain() {
    facts().type = access(files_.at("/run/crun/" + place_.id + "/status").c_str(), F_OK) == 0 ? "crun" : "runc";
    facts().name = place_.id;
    facts().image = facts().image_id = facts().repository = facts().tag = facts().digest = "";
    Labels labels = annotations_;
    facts().labels = std::move(labels);
    read_cri();
  }

  // What containerd's CRI writes into annotations.
  void read_cri() {
    if (annotation(std::string(kCri) + "container-type") == nullptr) return;
    Pod pod;
    pod.name = annotated(kCri, "sandbox-name");
    pod.space = annotated(kCri, "sandbox-namespace");
    pod.uid = annotated(kCri, "sandbox-uid");
    pod.sandbox = annotated(kCri, "sandbox-id");
    if (const auto name = annotated(kCri, "container-name"); name) {
      facts().name = *name;
    } else if (pod.name) {
      facts().name = *pod.name;  // the sandbox itself
    }
    if (const std::string* image = annotation(std::string(kCri) + "image-name"); image != nullptr) {
      set_image(*image, false);
      facts().image_id.reset();
      if (!facts().digest || facts().digest->empty()) facts().digest.reset();
    }
    facts().pod = std::move(pod);
  }

  void read_containerd(const std::string& space, const Json& config) {
    facts().type = "containerd";
    facts().name = place_.id;
    read_cri();
    if (facts().pod && facts().pod->sandbox && is_plain_name(*facts().pod->sandbox)) {
      const std::string path = std::string(parent_of(bundle_, 1)) + '/' + *facts().pod->sandbox + std::string(kConfig);
      const auto sandbox = json(path, ContainerFiles::kFileMax);
      if (sandbox) read_namespaces(look(config, {"linux", "namespaces"}), look(*sandbox, {"linux", "namespaces"}));
    }
    // The bundle's work directory is a link into containerd's own.
    std::array<char, PATH_MAX> target{};
    const ssize_t size = readlink(files_.at(bundle_ + "/work").c_str(), target.data(), target.size());
    const std::string_view work(target.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    const std::string root =
        work.find(kTasks) == std::string_view::npos ? std::string("/var/lib/containerd") : std::string(parent_of(work, 3));
    Bolt store(files_.at(root + "/io.containerd.metadata.v1.bolt/meta.db"));
    if (!store.open()) {
      if (!facts().pod) facts().labels = annotations_;  // ctr puts labels there too
      return;
    }
    ++files_.counters_.files;
    if (const auto image = store.get({"v1", space, "containers", place_.id}, "image"); image && !image->empty()) {
      set_image(*image, false);
      if (const auto digest = store.get({"v1", space, "images", *image, "target"}, "digest")) facts().digest = clipped(*digest);
    }
    if (auto labels = store.all({"v1", space, "containers", place_.id, "labels"}, ContainerFiles::kItemsMax)) {
      std::erase_if(*labels, [](const auto& label) { return label.first.starts_with(kCriOwn); });
      facts().labels = clipped(std::move(*labels));
    }
    if (facts().pod && facts().pod->sandbox) {
      if (auto labels = store.all({"v1", space, "containers", *facts().pod->sandbox, "labels"}, ContainerFiles::kItemsMax))
        facts().pod->labels = without_kubernetes(clipped(std::move(*labels)));
    }
    read_cni();
  }

  // The cache of CNI's results: /var/lib/cni/results/NETWORK-SANDBOX-INTERFACE.
  void read_cni() {
    if (!facts().pod || !facts().pod->sandbox || facts().host_network == true) return;
    static constexpr std::string_view kResults = "/var/lib/cni/results";
    for (const std::string& name : names_in(files_.at(kResults), kResultsMax)) {
      if (name.find(*facts().pod->sandbox) == std::string::npos) continue;
      const auto cached = json(std::string(kResults) + '/' + name, ContainerFiles::kFileMax);
      const Json* result = cached ? look(*cached, {"result"}) : nullptr;
      if (result == nullptr) continue;
      set_cni(*result);
      return;
    }
  }

  void set_cni(const Json& result) {
    const std::string text = clipped(result.dump(-1, ' ', false, Json::error_handler_t::replace));
    facts().cni = facts().pod->cni = text;
    const Json* ips = look(result, {"ips"});
    if (ips == nullptr || !ips->is_array()) return;
    for (const Json& one : *ips) {
      const std::string* address = text_at(one, {"address"});
      if (address == nullptr || address->find(':') != std::string::npos) continue;
      facts().ip = facts().pod->ip = address->substr(0, address->find('/'));
      return;
    }
  }

  void read_docker() {
    facts().type = "docker";
    // …/DRIVER/LAYER/merged, unless it is not a driver with layers.
    std::string data =
        reading_.rootfs.ends_with("/merged") ? std::string(parent_of(reading_.rootfs, 3)) : files_.at("/var/lib/docker");
    const std::string own = data.substr(files_.root_.size()) + "/containers/" + place_.id;
    const auto config = json(own + "/config.v2.json", ContainerFiles::kFileMax);
    if (!config) return;
    if (const std::string* name = text_at(*config, {"Name"}))
      facts().name = clipped(name->starts_with('/') ? name->substr(1) : *name);
    if (const std::string* image = text_at(*config, {"Config", "Image"})) set_image(*image, true);
    if (const std::string* id = text_at(*config, {"Image"})) {
      facts().image_id = clipped(without_algorithm(*id));
      read_docker_images(data.substr(files_.root_.size()), *config, *id);
    }
    facts().labels = labels_of(look(*config, {"Config", "Labels"}));
    if (const Json* points = look(*config, {"MountPoints"}); points != nullptr) read_mount_points(*points);
    if (const Json* networks = look(*config, {"NetworkSettings", "Networks"}); networks != nullptr && networks->is_object()) {
      for (const auto& [name, network] : networks->items()) {
        const std::string* address = text_at(network, {"IPAddress"});
        if (address != nullptr && !address->empty()) facts().ip = clipped(*address);
      }
    }
    const auto host = json(own + "/hostconfig.json", ContainerFiles::kFileMax);
    if (!host) return;
    if (const auto privileged = flag_at(*host, {"Privileged"})) facts().privileged = privileged;
    const auto is_host = [&](std::string_view key, std::optional<bool>& flag) {
      if (const std::string* mode = text_at(*host, {key})) flag = *mode == "host";
    };
    is_host("PidMode", facts().host_pid);
    is_host("NetworkMode", facts().host_network);
    is_host("IpcMode", facts().host_ipc);
  }

  void read_docker_images(const std::string& data, const Json& config, const std::string& id) {
    const std::string* driver = text_at(config, {"Driver"});
    if (driver == nullptr || !is_plain_name(*driver) || !facts().repository) return;
    const auto all = json(data + "/image/" + *driver + "/repositories.json", ContainerFiles::kStoreMax);
    const Json* of = all ? look(*all, {"Repositories", *facts().repository}) : nullptr;
    if (of == nullptr || !of->is_object()) return;
    for (const auto& [name, value] : of->items()) {
      const auto* image = value.get_ptr<const std::string*>();
      const std::size_t at = name.find('@');
      if (image != nullptr && *image == id && at != std::string::npos)
        facts().digest = clipped(std::string_view(name).substr(at + 1));
    }
  }

  void read_mount_points(const Json& points) {
    std::vector<Mount> mounts;
    if (points.is_object()) {
      for (const auto& [dest, point] : points.items()) {
        const auto field = [&](std::string_view key) {
          const std::string* text = text_at(point, {key});
          return text == nullptr ? std::string() : clipped(*text);
        };
        add_mount(mounts, {.source = field("Source"),
                           .dest = clipped(dest),
                           .mode = field("Relabel"),
                           .propagation = field("Propagation"),
                           .writable = flag_at(point, {"RW"}).value_or(true)});
      }
    }
    facts().mounts = std::move(mounts);
  }

  // The bundle is STORAGE/DRIVER-containers/ID/userdata.
  void read_podman() {
    facts().type = "podman";
    if (const std::string* privileged = annotation("io.podman.annotations.privileged"))
      facts().privileged = *privileged == "TRUE";
    const std::string containers(parent_of(bundle_, 2));
    const std::string storage(parent_of(containers, 1));
    for (const std::string_view file : {"/containers.json", "/volatile-containers.json"}) {
      const auto all = json(containers + std::string(file), ContainerFiles::kStoreMax);
      if (all && read_podman_entry(*all)) break;
    }
    if (facts().image_id) read_podman_images(storage, containers);
    Bolt store(files_.at(storage + "/libpod/bolt_state.db"));
    if (!store.open()) return;
    ++files_.counters_.files;
    const auto config = parsed(store.get({"ctr", place_.id}, "config"));
    if (!config) return;
    facts().labels = labels_of(look(*config, {"labels"}));
    if (const std::string* name = text_at(*config, {"name"}); name != nullptr && !facts().name) facts().name = clipped(*name);
  }

  bool read_podman_entry(const Json& all) {
    if (!all.is_array()) return false;
    for (const Json& one : all) {
      const std::string* id = text_at(one, {"id"});
      if (id == nullptr || *id != place_.id) continue;
      const std::string* metadata = text_at(one, {"metadata"});
      const auto about = metadata == nullptr ? std::optional<Json>() : parsed(*metadata);
      if (!about) return true;
      if (const std::string* name = text_at(*about, {"name"})) facts().name = clipped(*name);
      if (const std::string* image = text_at(*about, {"image-name"}); image != nullptr && !image->empty())
        set_image(*image, true);
      if (const std::string* image = text_at(*about, {"image-id"})) facts().image_id = clipped(*image);
      return true;
    }
    return false;
  }

  void read_podman_images(const std::string& storage, const std::string& containers) {
    const std::string_view kind = last_of(containers);  // overlay-containers
    const std::string driver(kind.substr(0, kind.rfind('-')));
    const auto all = json(storage + '/' + driver + "-images/images.json", ContainerFiles::kStoreMax);
    if (!all || !all->is_array()) return;
    for (const Json& one : *all) {
      const std::string* id = text_at(one, {"id"});
      const std::string* digest = text_at(one, {"digest"});
      if (id != nullptr && digest != nullptr && *id == *facts().image_id) facts().digest = clipped(*digest);
    }
  }

  void read_crio() {
    facts().type = "cri-o";
    const auto type = annotated(kCrio, "ContainerType");
    Pod pod;
    pod.sandbox = annotated(kCrio, "SandboxID");
    pod.name = annotated(kKubernetes, "pod.name");
    if (!pod.name) pod.name = annotated(kCrio, "KubeName");
    pod.space = annotated(kKubernetes, "pod.namespace");
    if (!pod.space) pod.space = annotated(kCrio, "Namespace");
    pod.uid = annotated(kKubernetes, "pod.uid");
    pod.ip = annotated(kCrio, "IP.0");
    pod.cni = annotated(kCrio, "CNIResult");
    if (auto name = annotated(kKubernetes, "container.name"); name && *name != "POD") {
      facts().name = std::move(name);
    } else {
      facts().name = pod.name;
    }
    facts().ip = pod.ip;
    facts().cni = pod.cni;
    if (const auto image = annotated(kCrio, "ImageName"); image && !image->empty()) set_image(*image, false);
    if (const auto reference = annotated(kCrio, "ImageRef"); reference) {
      const std::size_t at = reference->find('@');
      if (at != std::string::npos) facts().digest = clipped(std::string_view(*reference).substr(at + 1));
    }
    if (const auto image = annotated(kCrio, "Image"); image && !facts().image_id)
      facts().image_id = clipped(without_algorithm(*image));
    if (const auto privileged = annotated(kCrio, "PrivilegedRuntime")) facts().privileged = *privileged == "true";
    facts().labels = labels_of_text(annotated(kCrio, "Labels"));
    if (type == "sandbox") {
      pod.labels = without_kubernetes(*facts().labels);
    } else if (pod.sandbox && is_plain_name(*pod.sandbox)) {
      read_crio_sandbox(pod);
    }
    facts().pod = std::move(pod);
  }

  Labels labels_of_text(const std::optional<std::string>& text) {
    const auto json = parsed(text);
    return json ? labels_of(&*json) : Labels();
  }

  // The sandbox's bundle lies beside the container's.
  void read_crio_sandbox(Pod& pod) {
    const std::string path = std::string(parent_of(bundle_, 2)) + '/' + *pod.sandbox + "/userdata" + std::string(kConfig);
    const auto config = json(path, ContainerFiles::kFileMax);
    if (!config) return;
    const auto text = [&](std::string_view key) {
      const std::string* found = text_at(*config, {"annotations", std::string(kCrio) + std::string(key)});
      return found == nullptr ? std::nullopt : std::optional(clipped(*found));
    };
    pod.labels = without_kubernetes(labels_of_text(text("Labels")));
    if (!pod.ip) pod.ip = facts().ip = text("IP.0");
    if (!pod.cni) pod.cni = facts().cni = text("CNIResult");
  }

  // --- pods

  Labels clipped(Labels labels) {
    for (auto& [key, value] : labels) {
      key = clipped(std::string_view(key));
      value = clipped(std::string_view(value));
    }
    return labels;
  }

  static Labels without_kubernetes(Labels labels) {
    std::erase_if(labels,
                  [](const auto& label) { return label.first.starts_with(kKubernetes) || label.first.starts_with(kCriOwn); });
    return labels;
  }

  // The kubelet labels its containers whatever the runtime.
  void add_pod_of_labels() {
    const auto label = [&](std::string_view key) -> std::optional<std::string> {
      if (!facts().labels) return std::nullopt;
      const auto found = std::ranges::find(*facts().labels, key, &Labels::value_type::first);
      return found == facts().labels->end() ? std::nullopt : std::optional(found->second);
    };
    if (const auto name = label("io.kubernetes.pod.name"); name || !place_.pod_uid.empty()) {
      if (!facts().pod) facts().pod.emplace();
      Pod& pod = *facts().pod;
      if (!pod.name) pod.name = name;
      if (!pod.space) pod.space = label("io.kubernetes.pod.namespace");
      if (!pod.uid) pod.uid = label("io.kubernetes.pod.uid");
      if (!pod.uid && !place_.pod_uid.empty()) pod.uid = place_.pod_uid;
      if (!pod.sandbox) pod.sandbox = label("io.kubernetes.sandbox.id");
    }
  }

  ContainerFiles& files_;
  const ContainerPlace& place_;
  std::string bundle_;
  Labels annotations_;
  ContainerReading reading_;
};

std::optional<std::string> ContainerFiles::text(const std::string& path, std::size_t most) {
  auto file = read_file(at(path), most);
  if (!file) return std::nullopt;
  ++counters_.files;
  if (!file->whole) {
    ++counters_.too_big;
    return std::nullopt;
  }
  return std::move(file->text);
}

std::optional<ContainerPlace> ContainerFiles::identify_bundle(const std::string& bundle, const std::string& id,
                                                              std::string_view cgroup) {
  const auto config = parsed(text(bundle + std::string(kConfig), kFileMax));
  if (!config || text_at(*config, {"ociVersion"}) == nullptr) return std::nullopt;
  const std::string* given = text_at(*config, {"linux", "cgroupsPath"});
  if (!fits_cgroup(given == nullptr ? std::string_view() : std::string_view(*given), id, cgroup)) return std::nullopt;
  return ContainerPlace{.cgroup = std::string(cgroup), .id = id, .pod_uid = {}, .bundle = bundle};
}

std::optional<ContainerPlace> ContainerFiles::identify(const std::vector<std::string_view>& names, std::size_t at,
                                                       std::string_view cgroup) {
  std::string_view id = names[at];
  for (const std::string_view prefix : {"runc-", "crun-"}) {
    if (id.starts_with(prefix) && id.ends_with(".scope")) id = id.substr(prefix.size(), id.size() - prefix.size() - 6);
  }
  if (!is_plain_name(id)) return std::nullopt;
  const std::string name(id);
  if (const auto state = parsed(text("/run/runc/" + name + "/state.json", kFileMax))) {
    const std::string own = mount_point_ + std::string(cgroup);
    const Json* paths = look(*state, {"cgroup_paths"});
    if (paths != nullptr && paths->is_object() && std::ranges::find(*paths, Json(own)) != paths->end())
      return ContainerPlace{.cgroup = std::string(cgroup),
                            .id = name,
                            .pod_uid = {},
                            .bundle = find_bundle({.cgroup = {}, .id = name, .pod_uid = {}, .bundle = {}})};
  }
  if (const auto status = parsed(text("/run/crun/" + name + "/status", kFileMax))) {
    const std::string* path = text_at(*status, {"cgroup-path"});
    const std::string* bundle = text_at(*status, {"bundle"});
    if (path != nullptr && bundle != nullptr && *path == cgroup)
      return ContainerPlace{.cgroup = std::string(cgroup), .id = name, .pod_uid = {}, .bundle = *bundle};
  }
  if (at == 0 || !is_plain_name(names[at - 1])) return std::nullopt;
  for (const std::string_view tasks : kTaskDirectories) {
    if (auto place = identify_bundle(std::string(tasks) + '/' + std::string(names[at - 1]) + '/' + name, name, cgroup))
      return place;
  }
  return std::nullopt;
}

// Where the runtimes put bundles; empty: nowhere.
std::string ContainerFiles::find_bundle(const ContainerPlace& place) {
  const auto is_bundle = [&](const std::string& path) { return access(at(path + std::string(kConfig)).c_str(), F_OK) == 0; };
  if (!is_plain_name(place.id)) return {};
  for (const std::string_view tasks : kTaskDirectories) {
    const std::string all(tasks);
    for (const std::string_view space : {"k8s.io", "moby", "default"}) {
      if (std::string path = all + '/' + std::string(space) + '/' + place.id; is_bundle(path)) return path;
    }
    for (const std::string& space : names_in(at(all), kNamespacesMax)) {
      std::string path = all;
      path.append(1, '/').append(space).append(1, '/').append(place.id);
      if (is_bundle(path)) return path;
    }
  }
  for (const std::string_view driver : kStorageDrivers) {
    std::string path = "/var/lib/containers/storage/" + std::string(driver) + "-containers/" + place.id + "/userdata";
    if (is_bundle(path)) return path;
  }
  if (const auto state = parsed(text("/run/runc/" + place.id + "/state.json", kFileMax))) {
    const Json* labels = look(*state, {"config", "labels"});
    static constexpr std::string_view kBundle = "bundle=";
    if (labels != nullptr && labels->is_array()) {
      for (const Json& label : *labels) {
        const auto* text = label.get_ptr<const std::string*>();
        if (text != nullptr && text->starts_with(kBundle)) return text->substr(kBundle.size());
      }
    }
  }
  if (const auto status = parsed(text("/run/crun/" + place.id + "/status", kFileMax))) {
    if (const std::string* bundle = text_at(*status, {"bundle"})) return *bundle;
  }
  return {};
}

std::optional<ContainerReading> ContainerFiles::read(const ContainerPlace& place) {
  std::string bundle = place.bundle.empty() ? find_bundle(place) : place.bundle;
  if (bundle.empty()) return std::nullopt;
  return BundleReader(*this, place, std::move(bundle)).read();
}

}  // namespace shrike::enrich
