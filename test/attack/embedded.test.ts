import { describeAttacks } from './attacks.ts';
import { createEmbedded } from './target.ts';

describeAttacks('embedded', createEmbedded);
