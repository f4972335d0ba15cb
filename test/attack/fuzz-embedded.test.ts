import { describeFuzz } from './fuzz/fuzz.ts';
import { createEmbedded } from './target.ts';

describeFuzz('embedded', createEmbedded, 60_000);
