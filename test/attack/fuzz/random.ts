/** Source of reproducible choices. */
export interface Random {
  /** Returns an integer of at least 0 and less than `below`. */
  int(below: number): number;
  /** Returns true with a probability. */
  chance(probability: number): boolean;
  /** Returns one of the items; throws if there are none. */
  pick<Item>(items: readonly Item[]): Item;
}

/** Creates the choices of one operation of a run, so that each can be repeated without those before it. */
export function createRandom(seed: number, index: number): Random {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0;
  const random: Random = {
    int: (below) => Math.floor(next() * below),
    chance: (probability) => next() < probability,
    pick<Item>(items: readonly Item[]): Item {
      const item = items[random.int(items.length)];
      if (item === undefined) throw new Error('there is nothing to pick from');
      return item;
    },
  };
  return random;

  /** Mulberry32, a generator with 32 bits of state (Tommy Ettinger, public domain). */
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
