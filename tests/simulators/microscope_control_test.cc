#include "simulators/microscope_control.h"

#include <gtest/gtest.h>

#include "simulators/publisher.h"

namespace glasswatch::simulation {
namespace {

class MicroscopeControlTest : public testing::Test {
 protected:
  control::MicroscopeReply ask(const std::string& bytes) {
    return control_.answer(bytes.data(), bytes.size(), [this](const control::MicroscopeCommand& command) {
      ++executed_;
      control::MicroscopeReply reply;
      reply.set_command_id(command.command_id());
      reply.set_accepted(true);
      reply.set_detail("execution " + std::to_string(executed_));
      return reply;
    });
  }
  static std::string command(std::uint64_t id, std::uint32_t schema_version = 1) {
    control::MicroscopeCommand command;
    command.set_schema_version(schema_version);
    command.set_command_id(id);
    command.mutable_stop_series();
    return command.SerializeAsString();
  }

  zmq::context_t context_;
  MicroscopeControl control_{context_, "tcp://127.0.0.1:*"};
  int executed_ = 0;
};

TEST_F(MicroscopeControlTest, ARepeatedCommandIsAnsweredAgainAndNotDone) {
  EXPECT_EQ(ask(command(5)).detail(), "execution 1");
  EXPECT_EQ(ask(command(6)).detail(), "execution 2");
  EXPECT_EQ(ask(command(5)).detail(), "execution 1");
  EXPECT_EQ(executed_, 2);
}

TEST_F(MicroscopeControlTest, RefusesWhatItCannotRead) {
  const auto garbage = ask("\xff\xff\xff");
  EXPECT_FALSE(garbage.accepted());
  EXPECT_NE(garbage.detail().find("no MicroscopeCommand"), std::string::npos);
  const auto newer = ask(command(7, 2));
  EXPECT_FALSE(newer.accepted());
  EXPECT_EQ(newer.command_id(), 7u);
  EXPECT_NE(newer.detail().find("schema_version 2"), std::string::npos);
  EXPECT_FALSE(ask(command(8, 0)).accepted());
  EXPECT_EQ(executed_, 0);
}

TEST_F(MicroscopeControlTest, AnswersOverItsSocketWhateverComes) {
  zmq::socket_t client(context_, zmq::socket_type::req);
  client.set(zmq::sockopt::rcvtimeo, 50);
  client.set(zmq::sockopt::linger, 0);
  client.connect(control_.endpoint());
  for (const std::string& request : {std::string(), std::string("\xff"), command(9)}) {
    client.send(zmq::buffer(request));
    zmq::message_t reply;
    const auto deadline = Publisher::Clock::now() + std::chrono::seconds(10);
    bool answered = false;
    while (!answered && Publisher::Clock::now() < deadline) {
      control_.service([](const control::MicroscopeCommand& c) {
        control::MicroscopeReply r;
        r.set_command_id(c.command_id());
        r.set_accepted(true);
        return r;
      });
      answered = client.recv(reply).has_value();
    }
    ASSERT_TRUE(answered);
    control::MicroscopeReply decoded;
    ASSERT_TRUE(decoded.ParseFromArray(reply.data(), static_cast<int>(reply.size())));
    EXPECT_EQ(decoded.accepted(), request == command(9));
  }
}

TEST(BindOrThrow, SaysWhichPortIsTakenAndWhatToDo) {
  zmq::context_t context;
  MicroscopeControl first(context, "tcp://127.0.0.1:*");
  try {
    MicroscopeControl second(context, first.endpoint());
    FAIL() << "the port is taken";
  } catch (const StreamError& error) {
    EXPECT_NE(std::string(error.what()).find(first.endpoint()), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("--control-endpoint"), std::string::npos);
  }
}

}  // namespace
}  // namespace glasswatch::simulation
