// Part of muster. Boost Software License 1.0, see LICENSE.
//
// The commands. Each gives the exit code.
#pragma once

#include "cli/environment.hpp"

namespace muster::cli {

asio::awaitable<int> run_demo(environment& env);
asio::awaitable<int> run_register(environment& env);
asio::awaitable<int> run_pick(environment& env);
asio::awaitable<int> run_master(environment& env);
asio::awaitable<int> run_ls(environment& env);
asio::awaitable<int> run_watch(environment& env);
asio::awaitable<int> run_zk(environment& env);

}    // namespace muster::cli
