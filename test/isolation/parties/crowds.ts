import { expect } from 'vitest';
import { type Party, type Product, partyMs, type Scene } from '../isolation.ts';
import type { CrowdOrder } from './orders.ts';

/** Parties that are clients, and disturb a server in every mode. */
export const crowds: readonly Party<Product>[] = [
  {
    name: '500 audiences of one guest',
    disturb: (scene) => order(scene, { party: 'audiences', rate: 10, ...scene.product.seeds.hall }),
  },
  {
    name: '250 followers of their lists of channels',
    disturb: (scene) => order(scene, { party: 'followers', rate: 2, ...scene.product.seeds.club }),
  },
  {
    name: 'twenty counts of 200,000 unread messages at once',
    disturb: (scene) => order(scene, { party: 'unread', ...scene.product.seeds.archive }),
  },
];

type OrderOf<Order> = Order extends CrowdOrder ? Omit<Order, 'url' | 'forMs'> : never;

/** Has the crowd carry out an order, and expects that the server served it. */
async function order({ product, crowd }: Scene<Product>, order: OrderOf<CrowdOrder>): Promise<string> {
  const { sent, refused, received } = await crowd.carryOut({ ...order, url: product.url, forMs: partyMs });
  expect(sent, 'sends and queries of the crowd').toBeGreaterThan(0);
  if (order.party !== 'unread') expect(received, 'results of its subscriptions').toBeGreaterThan(0);
  return `${sent} done, ${refused} refused, ${received} received`;
}
