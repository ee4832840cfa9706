// Part of muster. Boost Software License 1.0, see LICENSE.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
