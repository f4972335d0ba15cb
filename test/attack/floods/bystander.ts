import { setTimeout } from 'node:timers/promises';
import { guest } from '../../support/client.ts';
import { openSocket } from '../../support/wire.ts';

/** Times of somebody's sends, in milliseconds. */
export interface Sends {
  medianMs: number;
  worstMs: number;
  count: number;
}

/** Guest who chats while others attack. */
export interface Bystander {
  /** Sends one message after another until a promise settles, and waits for the last one's acknowledgement. */
  sendUntil(end: Promise<unknown>): Promise<Sends>;
  leave(): void;
}

/** Pause between two messages, so that the bystander stays below the rate of sends. */
const pauseMs = 30;
const send = 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { id } } }';

/** Signs in a guest who has a room. */
export async function createBystander(url: string): Promise<Bystander> {
  const person = await guest(url, 'Bystander');
  const { createRoom } = await person.ask('mutation { createRoom(input: { name: "Quiet" }) { id } }');
  const socket = await openSocket(url, { token: person.token });
  let last = 0;
  return {
    async sendUntil(end) {
      const times: number[] = [];
      let isOver = false;
      const over = () => {
        isOver = true;
      };
      end.then(over, over);
      while (!isOver) {
        times.push(await sendOne());
        await setTimeout(pauseMs);
      }
      times.sort((a, b) => a - b);
      return { medianMs: times[times.length >> 1] ?? 0, worstMs: times.at(-1) ?? 0, count: times.length };
    },
    leave: () => socket.socket.terminate(),
  };

  /** Sends a message and returns the milliseconds until it was acknowledged. */
  async function sendOne(): Promise<number> {
    const began = performance.now();
    const id = String(++last);
    socket.subscribe(id, send, { id: createRoom.id });
    for (;;) {
      const frame = await socket.next();
      if (frame.id === id && frame.type === 'complete') return performance.now() - began;
      const problem = frame.type === 'error' ? frame.payload : frame.payload?.errors;
      if (problem) throw new Error(`a send of the bystander failed: ${JSON.stringify(problem)}`);
    }
  }
}
