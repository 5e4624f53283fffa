import { describe, expect, test } from "vitest";
import { bucketOf, isBucketOf } from "../bucket.ts";

/** How many bytes the kernel's bucket of so many ticks of 64 ns holds. */
const bytesIn = ({ rate, buffer }: { rate: number; buffer: number }) => buffer * 64e-9 * rate;

describe("a token bucket", () => {
  test("has the numbers of the reference plugin", () => {
    // Those of its own tests: 8 and 16 bits a second with a burst of 8 bits.
    expect(bucketOf({ rate: 1, burst: 1 }, 1500)).toEqual({ rate: 1, buffer: 15_625_000, limit: 1 });
    expect(bucketOf({ rate: 2, burst: 1 }, 1500)).toEqual({ rate: 2, buffer: 7_812_500, limit: 1 });
    expect(bucketOf({ rate: 125_000, burst: 12_500 }, 1500)).toEqual({
      rate: 125_000,
      buffer: 1_562_500,
      limit: 15_625,
    });
  });

  test("that is smaller than a frame has the reference plugin's number, unless that is 0", () => {
    expect(bucketOf({ rate: 3_000_003, burst: 1_000 }, 1500).buffer).toBe(Math.floor(333 * 15.625));
    expect(bucketOf({ rate: 12.5e9, burst: 1_000 }, 1500).buffer).toBe(2);
  });

  test("lets a full frame pass at high rates, where whole microseconds are too coarse", () => {
    for (const [rate, burst, mtu] of [
      [1.25e9, 2_000, 1500],
      [12.5e9, 10_000, 9000],
      [50e9, 1_600, 1500],
    ] as const)
      expect(bytesIn(bucketOf({ rate, burst }, mtu))).toBeGreaterThanOrEqual(Math.min(burst, mtu + 14));
  });

  test("lets a full frame pass with the burst of containerd, whatever the rate", () => {
    const burst = Math.floor(0xffffffff / 8);
    const least = Math.min(
      ...Array.from({ length: 20_000 }, (_, step) =>
        bytesIn(bucketOf({ rate: 1_000 + 47 * step, burst }, 1500)),
      ),
    );
    expect(least).toBeGreaterThanOrEqual(1514);
  });

  test("is known again, podwire's or the reference plugin's", () => {
    const limit = { rate: 250_000, burst: Math.floor(0xffffffff / 8) };
    const made = bucketOf(limit, 1500);
    // As the reference plugin's wraps: 2147483644 microseconds in ticks, modulo 2^32.
    expect(made.buffer).toBe(Math.floor(2_147_483_644 * 15.625) % 2 ** 32);
    expect(isBucketOf(made, limit)).toBe(true);
    expect(isBucketOf({ ...made, rate: 250_001 }, limit)).toBe(false);
    expect(isBucketOf({ ...made, buffer: made.buffer + 1 }, limit)).toBe(false);
    expect(isBucketOf({ ...made, limit: made.limit - 1 }, limit)).toBe(false);
  });
});
