/** The version of QuickJS to build, and the digests of its files. */

export const release = {
  version: "2025-04-26",
  /** Debian's source package, and its suite. */
  package: "quickjs",
  suite: "trixie",
  /** The names of the archive at Debian and upstream. Upstream has packed the same files again. */
  archives: ["quickjs_2025.04.26.orig.tar.xz", "quickjs-2025-04-26.tar.xz"],
  upstream: "https://bellard.org/quickjs/quickjs-2025-04-26.tar.xz",
} as const;

/** The compiled files and the licence: name to SHA-256. The archive may come from anywhere: these digests decide. */
export const pins: Readonly<Record<string, string>> = {
  "quickjs.c": "1be1951aa05b034f2fc5fe0fb4b1aef64b4865e0788584c910f47010f6748162",
  "quickjs.h": "78420aeb33d1c1a32116465b16313e89a61632a9c395622ffcf719b5d549e03f",
  "quickjs-atom.h": "6f72ebdb418b4e393b4563910d5fce90b1001c41ce7ddbd60d127beaff3fcc15",
  "quickjs-opcode.h": "b35842f9ee2f092d5771d0f0f3df7a9a9c6b3bc2957d333a0bae516977f7ed5b",
  "libregexp.c": "880cf399d1e37705df7953e8c766e5e1b5585d9081a8caa9cc204045631eec4b",
  "libregexp.h": "d10b8229a73e9a09fab80f3a2a3570e84bbfa13bc2da9ac33f08e8b9911d2564",
  "libregexp-opcode.h": "a7ee95fcc6cb013c9ab1a3ba9785d4a99c56e7029e30796baf9dfbd456f523f9",
  "libunicode.c": "97b0f708f89e3a5e9ffcd001340c20ed7809f2656443dc3262ae017769939c20",
  "libunicode.h": "41347be83b3774bd99982c65bb7e47c47c8fb4bacd336650765893e6e2c657af",
  "libunicode-table.h": "cde1068e9aa6b985f4242dd9bafc39315b7e0faacf6eb92e76c700b24cb3e6a4",
  "cutils.c": "203cc40bb8c8f4e3c6ce81f50526c0605ec0c21428c3317422646b445bc2e8fb",
  "cutils.h": "e198bc67469f656effd2fe9436aad8a15dadaafd25abca996b7e7b7706f44d4a",
  "dtoa.c": "af5abd68fa9806d1a19bdd5f2daef00d5fd0990ae56311382dfed4700343f074",
  "dtoa.h": "462070f7678a894b9f3612422f280f4dce412eb360a5cc585a513f407fc23114",
  "list.h": "181c6b25d9d0e4853315d36a6e6fab3b2c3554271693d898a439384ba0f67c2b",
  LICENSE: "598fd7fc928e4350abce36e337ba5a1346923c5c692f5be92c3d8e29ddd7c18d",
};
