import type { Wire } from '../wire.ts';

/** Server to measure, with its rooms. */
export interface Target {
  name: string;
  /** Id of the process that holds the connections. */
  pid: number;
  /**
   * Connects, and follows rooms.
   * @param onDeliveries called with how many messages came, and the text that they came in
   */
  follow(connection: number, onDeliveries: (count: number, text: Buffer) => void): Promise<Wire>;
  /** Sends a message to every subscriber of a room. */
  publish(room: number, text: string): void;
  stop(): Promise<void>;
}
