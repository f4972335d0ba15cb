import type { PrismaClient, Upload } from '../../prisma/generated/client.ts';
import { BadUserInputError } from '../errors.ts';
import type { AttachmentFacts } from '../events.ts';
import type { Viewer } from './auth.ts';
import { toFacts } from './upload-records.ts';

/**
 * Milliseconds for which an upload can be finished, attached or made the user's picture. It is well below the grace period
 * of the upload cleanup, so that no file is removed while a message with it is being sent.
 */
export const attachableMs = 43_200_000;

/** Returns a filter for times within the last `ms` milliseconds. */
export const newerThan = (ms: number) => ({ gt: new Date(Date.now() - ms) });

/** Uploads that a message or a profile refers to. */
export function createAttachments(options: { prisma: PrismaClient; attachableMs: number }) {
  const { prisma, attachableMs: maxAgeMs } = options;

  return {
    /**
     * Returns the uploads that the viewer attaches to a message, in the order of their ids.
     * @throws BadUserInputError if an upload is not the viewer's, not for this channel, or older than `attachableMs`
     */
    async findAttachable({ userId }: Viewer, channelId: string, ids: readonly string[]): Promise<AttachmentFacts[]> {
      if (ids.length === 0) return [];
      const where = { id: { in: [...ids] }, userId, channelId, createdAt: newerThan(maxAgeMs) };
      const found = await prisma.upload.findMany({ where });
      const facts = new Map(found.map((upload) => [upload.id, toFacts(upload)]));
      return ids.map((id, n) => facts.get(id) ?? rejectAttachment(n));
    },

    /**
     * Returns a picture that the viewer may show as avatar: uploaded without a channel, and either newer than
     * `attachableMs` or the current avatar. Null if there is none with this id.
     */
    async ownPicture({ userId }: Viewer, id: string): Promise<Upload | null> {
      const inUse = { user: { avatarId: id } };
      const where = { id, userId, channelId: null, width: { not: null } };
      return prisma.upload.findFirst({ where: { ...where, OR: [{ createdAt: newerThan(maxAgeMs) }, inUse] } });
    },
  };
}

function rejectAttachment(index: number): never {
  const message = 'must name a file that you recently uploaded for this channel; upload it again';
  throw new BadUserInputError([{ path: `input.attachmentIds.${index}`, message }]);
}
