// SPDX-License-Identifier: Apache-2.0
// Calls about sockets, through every entry: what deed_sockets says to itself, record by record.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

using namespace std::string_literals;

constexpr std::uint16_t kPort = 47821;

class SysExitSocket : public KernelTest {
 protected:
  // Record number `at` (from 0) of this type; null and a failure if there are fewer.
  static const Record* nth(const Deed& deed, event_type type, std::size_t at = 0) {
    for (const Record& record : deed.records) {
      if (record.header().type == type && at-- == 0) return &record;
    }
    ADD_FAILURE() << "no such record of type " << type;
    return nullptr;
  }

  // "192.0.2.1:80" of an address as the record has it.
  static std::string end_text(std::uint16_t family, const std::uint8_t* ip, std::uint16_t port) {
    char text[INET6_ADDRSTRLEN] = "";
    if (family == AF_INET || family == AF_INET6) inet_ntop(family, ip, text, sizeof(text));
    return text + ":"s + std::to_string(port);
  }
  static std::string remote(const event_sock& sock) { return end_text(sock.remote_family, sock.remote_ip, sock.remote_port); }
  static std::string local(const event_sock& sock) { return end_text(sock.family, sock.local_ip, sock.local_port); }

  struct Fds {
    int server = -1, client = -1, accepted = -1;
  };
  static Fds fds_of(const Deed& deed) {
    Fds fds;
    std::istringstream(deed.output) >> fds.server >> fds.client >> fds.accepted;
    return fds;
  }

  static std::string letters(std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i % 26);
    return text;
  }

  struct Conversation {
    std::string abi, kind, loopback;
    std::uint16_t family;
  };

  void check_tcp(const Conversation& c) {
    SCOPED_TRACE(c.abi + " tcp " + c.kind);
    const Deed deed = run("sockets", {c.abi, "tcp", c.kind, std::to_string(kPort)});
    if (deed.output.empty() && c.abi != "64") GTEST_SKIP() << "no 32-bit entry on this host";
    if (deed.output.empty() && c.family == AF_INET6) GTEST_SKIP() << "no IPv6 here";
    ASSERT_EQ(deed.exit_code, 0);
    const Fds fds = fds_of(deed);
    const std::string server_end = c.loopback + ":" + std::to_string(kPort);
    const std::uint32_t flags = c.abi == "64" ? 0U : std::uint32_t{EVENT_FLAG_COMPAT};

    const Record* record = nth(deed, EVENT_TYPE_SOCKET);
    ASSERT_NE(record, nullptr);
    const auto& made = record->as<event_call>();
    EXPECT_EQ(record->header().kind, EVENT_KIND_CALL);
    EXPECT_EQ(record->header().flags, flags);
    EXPECT_EQ(made.ret, fds.server);
    EXPECT_EQ(made.fd, fds.server);
    EXPECT_EQ(made.args[0], c.family);
    EXPECT_EQ(made.args[1], static_cast<unsigned>(SOCK_STREAM));
    EXPECT_EQ(made.args[2], 0U);
    EXPECT_EQ(made.sock.family, c.family);
    EXPECT_EQ(made.sock.protocol, IPPROTO_TCP);

    record = nth(deed, EVENT_TYPE_BIND);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->as<event_socket>().fd, fds.server);
    EXPECT_EQ(record->as<event_socket>().sock.local_port, kPort);
    EXPECT_EQ(record->as<event_socket>().sock.remote_family, 0) << "it has no other end";

    record = nth(deed, EVENT_TYPE_LISTEN);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->as<event_socket>().size, 17U);
    EXPECT_EQ(record->as<event_socket>().sock.role, SOCKET_ROLE_SERVER);
    EXPECT_EQ(record->as<event_socket>().sock.local_port, kPort);

    record = nth(deed, EVENT_TYPE_CONNECT);
    ASSERT_NE(record, nullptr);
    const auto& connected = record->as<event_socket>();
    EXPECT_EQ(connected.fd, fds.client);
    EXPECT_EQ(remote(connected.sock), server_end);
    EXPECT_EQ(connected.sock.role, SOCKET_ROLE_CLIENT);
    EXPECT_EQ(connected.sock.connected, 1);
    const std::string client_end = local(connected.sock);

    record = nth(deed, c.abi == "32" ? EVENT_TYPE_ACCEPT4 : EVENT_TYPE_ACCEPT);  // the 32-bit table has no accept
    ASSERT_NE(record, nullptr);
    const auto& accepted = record->as<event_socket>();
    EXPECT_EQ(accepted.ret, fds.accepted);
    EXPECT_EQ(accepted.fd, fds.accepted);
    EXPECT_EQ(remote(accepted.sock), client_end);
    EXPECT_EQ(local(accepted.sock), server_end);
    EXPECT_EQ(accepted.sock.role, SOCKET_ROLE_SERVER);
    EXPECT_EQ(accepted.queue_length, 0U);
    EXPECT_EQ(accepted.queue_max, 17U);
    EXPECT_EQ(accepted.call_flags, c.abi == "32" ? static_cast<unsigned>(SOCK_CLOEXEC) : 0U);

    struct Transfer {
      event_type type;
      int fd;
      std::int64_t ret;
      std::uint32_t asked;
      std::string data;
      socket_role role;
      std::uint32_t call_flags;
    };
    const Transfer transfers[] = {
        {EVENT_TYPE_SENDTO, fds.client, 9, 9, letters(9), SOCKET_ROLE_CLIENT, 0},
        {EVENT_TYPE_RECVFROM, fds.accepted, 9, 200, letters(9), SOCKET_ROLE_SERVER, 0},
        {EVENT_TYPE_SENDMSG, fds.client, 100, 100, letters(DATA_BYTES_MAX), SOCKET_ROLE_CLIENT, MSG_NOSIGNAL},
        {EVENT_TYPE_RECVMSG, fds.accepted, 100, 200, letters(DATA_BYTES_MAX), SOCKET_ROLE_SERVER, 0},
        {EVENT_TYPE_SENDMMSG, fds.client, 2, 3, letters(3), SOCKET_ROLE_CLIENT, 0},
    };
    for (const Transfer& transfer : transfers) {
      SCOPED_TRACE(static_cast<int>(transfer.type));
      record = nth(deed, transfer.type);
      ASSERT_NE(record, nullptr);
      const auto& event = record->as<event_socket>();
      EXPECT_EQ(record->header().kind, EVENT_KIND_SOCKET);
      EXPECT_EQ(record->header().flags, flags);
      EXPECT_EQ(event.ret, transfer.ret);
      EXPECT_EQ(event.fd, transfer.fd);
      EXPECT_EQ(event.size, transfer.asked);
      EXPECT_EQ(record->text(event.data), transfer.data);
      EXPECT_EQ(event.sock.role, transfer.role);
      EXPECT_EQ(event.call_flags, transfer.call_flags);
      EXPECT_EQ(remote(event.sock), transfer.role == SOCKET_ROLE_CLIENT ? server_end : client_end);
    }
  }
};

TEST_F(SysExitSocket, TcpV4) { check_tcp({"64", "4", "127.0.0.1", AF_INET}); }
TEST_F(SysExitSocket, TcpV6) { check_tcp({"64", "6", "::1", AF_INET6}); }
TEST_F(SysExitSocket, TcpV4FromAV6Socket) { check_tcp({"64", "mapped", "::ffff:127.0.0.1", AF_INET6}); }
TEST_F(SysExitSocket, TcpThroughThe32BitEntry) { check_tcp({"32", "4", "127.0.0.1", AF_INET}); }
TEST_F(SysExitSocket, TcpThroughSocketcall) { check_tcp({"socketcall", "4", "127.0.0.1", AF_INET}); }

// A port of bind's is no sign of a server: a client may have one.
TEST_F(SysExitSocket, AClientThatBoundItsPort) {
  const Deed deed = run("sockets", {"64", "tcp", "4", std::to_string(kPort), std::to_string(kPort + 1)});
  ASSERT_EQ(deed.exit_code, 0);
  for (const auto& [type, role] : {std::pair{EVENT_TYPE_SENDTO, SOCKET_ROLE_CLIENT}, {EVENT_TYPE_RECVMSG, SOCKET_ROLE_SERVER}}) {
    const Record* record = nth(deed, type);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->as<event_socket>().sock.role, role);
    const auto& sock = record->as<event_socket>().sock;
    EXPECT_EQ(role == SOCKET_ROLE_CLIENT ? sock.local_port : sock.remote_port, kPort + 1);
  }
}

// A datagram that is sent to an address has it from user memory; a connected one from its socket. The receiver is told the
// sender, if it asked for it.
TEST_F(SysExitSocket, Udp) {
  for (const std::string abi : {"64", "32", "socketcall"}) {
    SCOPED_TRACE(abi);
    // sendto's address size is its sixth argument, which int 0x80 has in rbp: our own 32-bit deed can't pass it.
    if (abi == "32") continue;
    const Deed deed = run("sockets", {abi, "udp", "4", std::to_string(kPort)});
    if (deed.output.empty() && abi != "64") GTEST_SKIP() << "no 32-bit entry on this host";
    ASSERT_EQ(deed.exit_code, 0);
    const std::string server_end = "127.0.0.1:" + std::to_string(kPort);

    const Record* record = nth(deed, EVENT_TYPE_SENDTO);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(remote(record->as<event_socket>().sock), server_end);
    EXPECT_EQ(record->as<event_socket>().sock.role, SOCKET_ROLE_UNKNOWN);
    EXPECT_EQ(record->as<event_socket>().sock.connected, 0);
    const std::uint16_t client_port = record->as<event_socket>().sock.local_port;
    EXPECT_NE(client_port, 0);

    record = nth(deed, EVENT_TYPE_RECVFROM);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(remote(record->as<event_socket>().sock), "127.0.0.1:" + std::to_string(client_port));
    EXPECT_EQ(record->as<event_socket>().sock.local_port, kPort);

    record = nth(deed, EVENT_TYPE_SENDMSG);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(remote(record->as<event_socket>().sock), server_end);
    EXPECT_EQ(record->as<event_socket>().sock.role, SOCKET_ROLE_CLIENT) << "it connected";
    EXPECT_EQ(record->as<event_socket>().sock.connected, 1);
    EXPECT_EQ(record->text(record->as<event_socket>().data), letters(7));

    record = nth(deed, EVENT_TYPE_RECVMSG);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(remote(record->as<event_socket>().sock), "127.0.0.1:" + std::to_string(client_port));
  }
}

TEST_F(SysExitSocket, Unix) {
  for (const std::string& name : {path("socket"), "@shrike-sockets"s}) {
    SCOPED_TRACE(name);
    const Deed deed = run("sockets", {"64", "unix", name, "0"});
    ASSERT_EQ(deed.exit_code, 0);
    std::string told = name;
    if (told[0] == '@') told[0] = '\0';
    const Fds fds = fds_of(deed);
    const auto check = [&](event_type type, socket_role role) {
      SCOPED_TRACE(static_cast<int>(type));
      const Record* record = nth(deed, type);
      ASSERT_NE(record, nullptr);
      const auto& event = record->as<event_socket>();
      EXPECT_EQ(record->text(event.sock.unix_path), told);
      EXPECT_EQ(event.sock.family, AF_UNIX);
      EXPECT_EQ(event.sock.remote_family, AF_UNIX);
      EXPECT_EQ(event.sock.role, role);
      EXPECT_EQ(record->header().flags, 0U);
    };
    check(EVENT_TYPE_BIND, SOCKET_ROLE_UNKNOWN);
    check(EVENT_TYPE_LISTEN, SOCKET_ROLE_SERVER);
    check(EVENT_TYPE_CONNECT, SOCKET_ROLE_CLIENT);
    check(EVENT_TYPE_ACCEPT, SOCKET_ROLE_SERVER);
    check(EVENT_TYPE_SENDTO, SOCKET_ROLE_CLIENT);
    check(EVENT_TYPE_RECVMSG, SOCKET_ROLE_SERVER);
    const Record* record = nth(deed, EVENT_TYPE_ACCEPT);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->as<event_socket>().queue_max, 17U);
    EXPECT_EQ(record->as<event_socket>().fd, fds.accepted);
    record = nth(deed, EVENT_TYPE_RECVMSG);
    ASSERT_NE(record, nullptr);
    const std::string_view control = record->text(record->as<event_socket>().control);
    ASSERT_EQ(control.size(), CMSG_SPACE(sizeof(int)));
    cmsghdr header{};
    std::memcpy(&header, control.data(), sizeof(header));
    EXPECT_EQ(header.cmsg_type, SCM_RIGHTS);
  }
}

// What fails has the other end from the caller, and no data.
TEST_F(SysExitSocket, Failures) {
  const Deed bound = run("sockets", {"64", "tcp", "4", "1"}, [] { (void)!setuid(65534); });
  if (bound.exit_code != 0) {  // some hosts let everybody have low ports
    const Record* record = nth(bound, EVENT_TYPE_BIND);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->as<event_socket>().ret, -EACCES);
    EXPECT_EQ(local(record->as<event_socket>().sock), "127.0.0.1:1");
  }
  // sendto, recvfrom, accept, listen and bind on what is no socket, and on nothing
  struct Call {
    long number;
    event_type type;
  };
  for (const Call call : {Call{44, EVENT_TYPE_SENDTO},
                          {45, EVENT_TYPE_RECVFROM},
                          {43, EVENT_TYPE_ACCEPT},
                          {50, EVENT_TYPE_LISTEN},
                          {49, EVENT_TYPE_BIND}}) {
    SCOPED_TRACE(call.number);
    const Deed on_file = run("call", {"64", std::to_string(call.number), "@/", "0", "5"});
    const Record* record = nth(on_file, call.type);
    ASSERT_NE(record, nullptr);
    const auto& event = record->as<event_socket>();
    EXPECT_EQ(event.ret, -ENOTSOCK);
    EXPECT_EQ(event.sock.family, 0);
    EXPECT_EQ(event.fd, call.type == EVENT_TYPE_ACCEPT ? -ENOTSOCK : 3);
    EXPECT_EQ(event.data.size, 0U);
    // bind's address is told as passed, and there is none
    EXPECT_EQ(record->header().flags, call.type == EVENT_TYPE_BIND ? std::uint32_t{EVENT_FLAG_USER_UNREAD} : 0U);
    const Deed on_nothing = run("call", {"64", std::to_string(call.number), "900", "0", "5"});
    record = nth(on_nothing, call.type);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->as<event_socket>().ret, -EBADF);
    EXPECT_EQ(record->as<event_socket>().sock.family, 0);
  }
}

TEST_F(SysExitSocket, NoDataUnlessARuleAsks) {
  kernel::CapturePlan plan = everything();
  plan.data = false;
  ASSERT_TRUE(loader_->want(plan).has_value());
  const Deed deed = run("sockets", {"64", "unix", path("socket"), "0"});
  ASSERT_EQ(deed.exit_code, 0);
  for (const event_type type :
       {EVENT_TYPE_SENDTO, EVENT_TYPE_RECVFROM, EVENT_TYPE_SENDMSG, EVENT_TYPE_RECVMSG, EVENT_TYPE_SENDMMSG}) {
    const Record* record = nth(deed, type);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->as<event_socket>().data.size, 0U);
    EXPECT_EQ(record->as<event_socket>().control.size, 0U);
    EXPECT_NE(record->as<event_socket>().size, 0U) << "sizes are parameters of their own";
  }
}

}  // namespace
}  // namespace shrike::test
