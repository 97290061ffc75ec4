// SPDX-License-Identifier: Apache-2.0
#include "outputs/http/client.h"

#include <curl/curl.h>
#include <strings.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>

namespace shrike::outputs::http {
namespace {

struct EasyEnd {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListEnd {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct UrlEnd {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct TextEnd {
  void operator()(char* text) const { curl_free(text); }
};
using Easy = std::unique_ptr<CURL, EasyEnd>;
using List = std::unique_ptr<curl_slist, ListEnd>;

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool token(std::string_view text) {
  static constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || kOthers.contains(c);
  };
  return !text.empty() && std::ranges::all_of(text, fits);
}

bool header_value(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

bool append(List& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return false;
  (void)list.release();
  list.reset(longer);
  return true;
}

std::size_t take_body(char* data, std::size_t /*one*/, std::size_t size, void* to) {
  auto& reply = *static_cast<Reply*>(to);
  const std::size_t room = kReplyMax - reply.body.size();
  reply.body.append(data, std::min(size, room));
  reply.cut = size > room;
  return reply.cut ? 0 : size;  // 0 ends the transfer
}

// The status line of the last answer: a proxy's and "100 Continue" come before it.
std::size_t take_header(char* data, std::size_t /*one*/, std::size_t size, void* to) {
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {
    auto& reply = *static_cast<Reply*>(to);
    const std::size_t code = line.find(' ');
    const std::size_t phrase = code == std::string_view::npos ? code : line.find(' ', code + 1);
    reply.phrase = phrase == std::string_view::npos ? "" : line.substr(phrase + 1, 64);
    while (!reply.phrase.empty() && (reply.phrase.back() == '\r' || reply.phrase.back() == '\n')) reply.phrase.pop_back();
  }
  return size;
}

int look_up(void* stop, curl_off_t /*total*/, curl_off_t /*now*/, curl_off_t /*up_total*/, curl_off_t /*up*/) {
  return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

Error of_curl(std::string_view what, CURLcode code) {
  return {Code::kSystem, std::string(what) + ": " + curl_easy_strerror(code), 0};
}

}  // namespace

struct Client::State {
  Easy easy;
  HttpOptions options;
  List connect_to;
  std::vector<std::string> secrets;
  std::array<char, CURL_ERROR_SIZE> error{};
};

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::make(const HttpOptions& options) {
  // Once in a process; later calls return what the first did.
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) return std::unexpected(of_curl("libcurl", started));

  if (!token(options.method) || options.method == "HEAD" || options.method == "CONNECT") {
    return fail(Code::kInvalid, "method: no method that carries a message: POST, PUT and PATCH do");
  }
  for (const auto& [name, value] : options.headers) {
    if (!token(name)) return fail(Code::kInvalid, "headers: a name has other characters than letters, digits and -");
    if (!header_value(value)) return fail(Code::kInvalid, "headers: the value of " + name + " has a line break");
  }
  if (!header_value(options.bearer)) return fail(Code::kInvalid, "bearer: has a line break");
  if (!header_value(options.splunk_token)) return fail(Code::kInvalid, "splunk_token: has a line break");

  auto state = std::make_unique<State>();
  state->options = options;
  state->easy.reset(curl_easy_init());
  if (state->easy == nullptr) return fail(Code::kSystem, "libcurl: no handle");
  const Url url = TRY(parse_url(options.url));

  const auto secret = [&](std::string_view text) {
    if (text.size() >= 4) state->secrets.emplace_back(text);
  };
  secret(options.password);
  secret(options.bearer);
  secret(options.splunk_token);
  secret(options.signing_secret);
  if (!url.user.empty()) secret(std::string_view(url.user).substr(0, url.user.size() - 1));
  secret(url.query);
  if (const std::size_t at = options.proxy.rfind('@'); at != std::string::npos) {
    const std::size_t from = options.proxy.find("://");
    secret(std::string_view(options.proxy).substr(0, at).substr(from == std::string::npos ? 0 : from + 3));
  }
  for (const auto& [name, value] : options.headers) {
    if (!same_name(name, "Content-Type") && !same_name(name, "Accept")) {
      secret(value);
      if (const std::size_t blank = value.find(' '); blank != std::string::npos)
        secret(std::string_view(value).substr(blank + 1));
    }
  }
  // A longer one may hold a shorter.
  std::ranges::sort(state->secrets, std::ranges::greater{}, &std::string::size);

  CURL* easy = state->easy.get();
  CURLcode code = CURLE_OK;
  const auto set = [&](CURLoption option, auto value) {
    if (code == CURLE_OK) code = curl_easy_setopt(easy, option, value);
  };
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_USERAGENT, "shrike");
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, options.tls.insecure ? 0L : 1L);
  set(CURLOPT_SSL_VERIFYHOST, options.tls.insecure ? 0L : 2L);
  if (!options.tls.ca_file.empty()) {
    set(CURLOPT_CAINFO, options.tls.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  if (!options.tls.cert_file.empty()) set(CURLOPT_SSLCERT, options.tls.cert_file.c_str());
  if (!options.tls.key_file.empty()) set(CURLOPT_SSLKEY, options.tls.key_file.c_str());
  // Empty: none, whatever the environment says.
  set(CURLOPT_PROXY, options.proxy.c_str());
  set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  if (!options.user.empty() || !options.password.empty()) {
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set(CURLOPT_USERNAME, options.user.c_str());
    set(CURLOPT_PASSWORD, options.password.c_str());
  }
  if (!options.tls.server_name.empty() && url.scheme == "https") {
    // libcurl verifies the URL's host: the URL gets the name, and the connection goes where the URL went.
    if (!append(state->connect_to, options.tls.server_name + ":" + url.port + ":" + url.host + ":" + url.port)) {
      return fail(Code::kSystem, "libcurl: out of memory");
    }
    set(CURLOPT_CONNECT_TO, state->connect_to.get());
  }
  set(CURLOPT_ERRORBUFFER, state->error.data());
  set(CURLOPT_WRITEFUNCTION, &take_body);
  set(CURLOPT_HEADERFUNCTION, &take_header);
  set(CURLOPT_XFERINFOFUNCTION, &look_up);
  set(CURLOPT_NOPROGRESS, 0L);
  if (code != CURLE_OK) return std::unexpected(of_curl("libcurl", code));
  return std::unique_ptr<Client>(new Client(std::move(state)));
}

Result<Reply> Client::send(const Request& request, std::chrono::milliseconds timeout, const std::stop_token& stop) {
  if (stop.stop_requested()) return fail(Code::kSystem, "stopped");
  if (timeout.count() <= 0) return fail(Code::kSystem, "timed out");
  const HttpOptions& options = state_->options;
  Url url = TRY(parse_url(request.url));
  std::vector<Header> headers = {{"Expect", ""}};
  if (!options.tls.server_name.empty() && url.scheme == "https") {
    headers.emplace_back("Host", url.host + (url.port == "443" ? "" : ":" + url.port));
    url.host = options.tls.server_name;
  }
  headers.insert(headers.end(), request.headers.begin(), request.headers.end());
  std::string packed;
  if (options.gzip && !request.body.empty()) {
    packed = gzip(request.body);
    headers.emplace_back("Content-Encoding", "gzip");
  }
  const std::string& body = options.gzip ? packed : request.body;

  List list;
  for (const auto& [name, value] : headers) {
    const bool theirs = std::ranges::any_of(options.headers, [&](const Header& own) { return same_name(own.first, name); });
    if (!theirs && !append(list, std::string(name).append(": ").append(value)))
      return fail(Code::kSystem, "libcurl: out of memory");
  }
  for (const auto& [name, value] : options.headers) {
    // libcurl takes "Name:" for "not that header" and "Name;" for "that header, empty".
    if (!append(list, value.empty() ? name + ";" : std::string(name).append(": ").append(value)))
      return fail(Code::kSystem, "libcurl: out of memory");
  }

  Reply reply;
  CURL* easy = state_->easy.get();
  CURLcode code = CURLE_OK;
  const auto set = [&](CURLoption option, auto value) {
    if (code == CURLE_OK) code = curl_easy_setopt(easy, option, value);
  };
  const std::string where = url.text();
  set(CURLOPT_URL, where.c_str());
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  set(CURLOPT_POSTFIELDS, body.data());
  set(CURLOPT_HTTPHEADER, list.get());
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(timeout.count()));
  set(CURLOPT_WRITEDATA, static_cast<void*>(&reply));
  set(CURLOPT_HEADERDATA, static_cast<void*>(&reply));
  set(CURLOPT_XFERINFODATA, static_cast<const void*>(&stop));
  state_->error.front() = '\0';
  if (code == CURLE_OK) code = curl_easy_perform(easy);
  // Nothing of this call stays behind in the handle.
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, nullptr);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, nullptr);

  if (code == CURLE_ABORTED_BY_CALLBACK) return fail(Code::kSystem, "stopped");
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return fail(Code::kSystem, "timed out after " + std::to_string(timeout.count()) + " ms: " + clean(state_->error.data()));
  }
  // More than is of interest was said: its status stands.
  if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && reply.cut)) {
    return fail(Code::kSystem, clean(state_->error.front() != '\0' ? state_->error.data() : curl_easy_strerror(code)));
  }
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  curl_off_t after = 0;
  if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &after) == CURLE_OK && after > 0) {
    reply.retry_after = std::chrono::seconds(std::min<curl_off_t>(after, curl_off_t{24} * 3600));
  }
  return reply;
}

std::string Client::clean(std::string_view text) const {
  constexpr std::size_t kMax = 300;
  std::string hidden(text.substr(0, 16 * kMax));
  for (const std::string& secret : state_->secrets) {
    for (std::size_t at = hidden.find(secret); at != std::string::npos; at = hidden.find(secret, at)) {
      hidden.replace(at, secret.size(), "***");
      at += 3;
    }
  }
  std::string line;
  for (const char c : hidden) {
    const bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (blank && (line.empty() || line.back() == ' ')) continue;
    line += blank ? ' ' : (c > ' ' && c < '\x7f' ? c : '?');
    if (line.size() == kMax) {
      line.replace(kMax - 3, 3, "...");
      break;
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string Url::text() const { return scheme + "://" + user + host + ":" + port + path + (query.empty() ? "" : "?" + query); }

Result<Url> parse_url(const std::string& text) {
  const std::unique_ptr<CURLU, UrlEnd> handle(curl_url());
  if (handle == nullptr) return fail(Code::kSystem, "libcurl: out of memory");
  if (const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), 0); code != CURLUE_OK) {
    return fail(Code::kInvalid, std::string("url: ") + curl_url_strerror(code) + "; it has the form https://host:port/path");
  }
  const auto part = [&](CURLUPart which, unsigned flags = 0) {
    char* value = nullptr;
    const bool there = curl_url_get(handle.get(), which, &value, flags) == CURLUE_OK;
    const std::unique_ptr<char, TextEnd> owner(value);
    return there ? std::string(value) : std::string();
  };
  Url url = {.scheme = part(CURLUPART_SCHEME),
             .host = part(CURLUPART_HOST),
             .port = part(CURLUPART_PORT, CURLU_DEFAULT_PORT),
             .path = part(CURLUPART_PATH),
             .query = part(CURLUPART_QUERY),
             .user = part(CURLUPART_USER)};
  if (url.scheme != "http" && url.scheme != "https") return fail(Code::kInvalid, "url: begins with neither http:// nor https://");
  if (!url.user.empty()) url.user += ":" + part(CURLUPART_PASSWORD) + "@";
  return url;
}

std::string gzip(std::string_view bytes) {
  z_stream stream = {};
  constexpr int kGzip = 15 + 16;  // the largest window, with gzip's header
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, decltype([](z_stream* s) { deflateEnd(s); })> owner(&stream);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);  // deflateBound() is enough for one call
  out.resize(stream.total_out);
  return out;
}

}  // namespace shrike::outputs::http
