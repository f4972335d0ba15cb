import { type Party, type Product, partyMs, type Scene } from '../isolation.ts';
import type { CrowdOrder, CrowdReport } from './orders.ts';

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

async function order({ product, crowd }: Scene<Product>, order: OrderOf<CrowdOrder>): Promise<string> {
  return toText(await crowd.carryOut({ ...order, url: product.url, forMs: partyMs }));
}

function toText({ received, refused, sent }: CrowdReport): string {
  return `${sent} done, ${refused} refused, ${received} received`;
}
