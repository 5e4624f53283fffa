import { expect, test } from "vitest";
import { parseResolvConf } from "../../../ipam/host-local/resolv-conf.ts";

test("every keyword that a result can hold is read", () => {
  const text = [
    "# a comment",
    "; another",
    "nameserver 192.0.2.1",
    "nameserver\t2001:db8::1  # not a third word's business",
    "domain example.com",
    "search a.example b.example",
    "search c.example",
    "options ndots:5 rotate",
    "sortlist 10.0.0.0",
    "",
  ].join("\n");
  expect(parseResolvConf(text)).toEqual({
    nameservers: ["192.0.2.1", "2001:db8::1"],
    domain: "example.com",
    search: ["a.example", "b.example", "c.example"],
    options: ["ndots:5", "rotate"],
  });
});

test("keywords without a value, and Windows line ends, do no harm", () => {
  expect(parseResolvConf("nameserver\r\ndomain \r\nnameserver 192.0.2.1\r\n")).toEqual({
    nameservers: ["192.0.2.1"],
  });
});

test("an empty file gives nothing", () => {
  expect(parseResolvConf("")).toEqual({});
});
