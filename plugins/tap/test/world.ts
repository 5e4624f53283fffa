import type { CommandResult, Node } from "../../../test/helpers/index.ts";
import type { Keys } from "../../../test/plugins/attachment/host.ts";

export const network = (keys: Keys = {}): Keys => ({
  cniVersion: "1.1.0",
  name: "net",
  type: "tap",
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]] },
  ...keys,
});

export const bare = (keys: Keys = {}): Keys => network({ ipam: {}, ...keys });

/**
 * A program at the other side of eth0, in perl, which every Debian has. As user and group of its arguments it attaches (TUNSETIFF with IFF_TAP,
 * IFF_NO_PI, and the flags given), asks by ARP for 10.1.0.2 as 10.1.0.9 would, and prints the MAC address of the answer.
 */
const program = String.raw`
  my ($user, $group, $flags) = @ARGV;
  open(my $tun, "+<", "/dev/net/tun") or die "open: $!\n";
  $) = "$group $group";
  $> = $user;
  my $request = pack("a16Sx22", "eth0", 0x1002 | $flags);
  ioctl($tun, 0x400454ca, $request) or die "attach: $!\n";
  my $frame = pack("H*", "ffffffffffff" . "020000000009" . "0806" . "0001080006040001" . "020000000009" . "0a010009" . "000000000000" . "0a010002");
  alarm(10);
  # The carrier comes with the program: the first frames may be lost.
  while (1) {
    syswrite($tun, $frame);
    while (1) {
      vec(my $ready = "", fileno($tun), 1) = 1;
      last unless select($ready, undef, undef, 0.2);
      sysread($tun, my $answer, 2000);
      next unless substr($answer, 12, 2) eq "\x08\x06" and substr($answer, 20, 2) eq "\x00\x02";
      print join(":", unpack("(H2)6", substr($answer, 6, 6))), "\n";
      exit 0;
    }
  }
`;

export interface Caller {
  readonly user?: number;
  readonly group?: number;
  /** More IFF_* flags. */
  readonly flags?: number;
}

/** What the program printed, and how it ended. */
export const attachTo = (node: Node, netns: string, caller: Caller = {}): Promise<CommandResult> => {
  const { user = 0, group = 0, flags = 0 } = caller;
  const words = ["-e", program, ...[user, group, flags].map(String)];
  return node.exec("perl", words, { netns, reject: false });
};
