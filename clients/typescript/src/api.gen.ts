// Made by openapi-typescript from docs/openapi.json: npm run generate.
import type { Call } from './call.js'

export interface paths {
    "/api/v1/api-key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The API key that the request carries: whether it works, and what it opens
         * @description For: key.
         */
        get: operations["getOwnApiKey"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/legacy/tickets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let a page come in by a legacy door under a name
         * @description For: key with scope legacy.
         */
        post: operations["makeTicket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/push": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Push text to the connections of one id, of several, or to all
         * @description For: key with scope push.
         */
        post: operations["push"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A site and its settings
         * @description For: site agent, or key with scope read.
         */
        get: operations["getSite"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change a site's name and settings
         * @description For: site admin, or key with scope write.
         */
        patch: operations["changeSite"];
        trace?: never;
    };
    "/api/v1/sites/{site}/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The agents of a site, by name
         * @description For: site agent, or key with scope read.
         */
        get: operations["listAgents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/broadcasts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A site's broadcasts, with their counts
         * @description For: site supervisor, or key with scope broadcast.
         */
        get: operations["listBroadcasts"];
        put?: never;
        /**
         * Make a draft
         * @description For: site supervisor, or key with scope broadcast.
         */
        post: operations["makeBroadcast"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/broadcasts/count": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * For how many visitors a broadcast would be
         * @description For: site supervisor, or key with scope broadcast.
         */
        post: operations["countBroadcast"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/broadcasts/{broadcast}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A broadcast, with its counts
         * @description For: site supervisor, or key with scope broadcast.
         */
        get: operations["getBroadcast"];
        /**
         * Change a draft
         * @description For: site supervisor, or key with scope broadcast.
         */
        put: operations["changeBroadcast"];
        post?: never;
        /**
         * Delete a draft
         * @description For: site supervisor, or key with scope broadcast.
         */
        delete: operations["deleteBroadcast"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/broadcasts/{broadcast}/publish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a draft out now
         * @description For: site supervisor, or key with scope broadcast.
         */
        post: operations["publishBroadcast"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/broadcasts/{broadcast}/schedule": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a draft out later
         * @description For: site supervisor, or key with scope broadcast.
         */
        post: operations["scheduleBroadcast"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/broadcasts/{broadcast}/withdraw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a broadcast back; a scheduled one is a draft again
         * @description For: site supervisor, or key with scope broadcast.
         */
        post: operations["withdrawBroadcast"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/conversations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A site's conversations by the state of their round
         * @description For: site agent, or key with scope read.
         */
        get: operations["listConversations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/conversations/{conversation}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A conversation and its present round
         * @description For: site agent, or key with scope read.
         */
        get: operations["getConversation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/conversations/{conversation}/assign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give the round to an agent
         * @description For: key with scope write.
         */
        post: operations["assignRound"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/conversations/{conversation}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A conversation's events, in both directions
         * @description For: site agent, or key with scope read.
         */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/conversations/{conversation}/marks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How far everybody has read a conversation
         * @description For: site agent, or key with scope read.
         */
        get: operations["listMarks"];
        /**
         * Say how far an agent has read a conversation; it never goes back
         * @description For: key with scope write.
         */
        put: operations["setMark"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/conversations/{conversation}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a message as an agent or a bot
         * @description For: key with scope write.
         */
        post: operations["sendMessage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/conversations/{conversation}/notes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add a note, which only agents see
         * @description For: key with scope write.
         */
        post: operations["addNote"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/conversations/{conversation}/release": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give the round back to the queue
         * @description For: key with scope write.
         */
        post: operations["releaseRound"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/conversations/{conversation}/resolve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End the round
         * @description For: key with scope write.
         */
        post: operations["resolveRound"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/conversations/{conversation}/rounds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A conversation's rounds
         * @description For: site agent, or key with scope read.
         */
        get: operations["listRounds"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/conversations/{conversation}/take": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have an agent take a waiting round
         * @description For: key with scope write.
         */
        post: operations["takeRound"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/presence": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Which agents of a site are here
         * @description For: site agent, or key with scope read.
         */
        get: operations["getPresence"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/visitors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A site's visitors, or those who match
         * @description For: site agent, or key with scope people.
         */
        get: operations["listVisitors"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/visitors/{visitor}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What is known of a visitor, and by whom
         * @description For: site agent, or key with scope people.
         */
        get: operations["getVisitor"];
        put?: never;
        post?: never;
        /**
         * Erase a visitor with all that there is of it; once more gives the same receipt
         * @description For: site admin, or key with scope people.
         */
        delete: operations["eraseVisitor"];
        options?: never;
        head?: never;
        /**
         * Tell a visitor's name, e-mail address and own fields
         * @description For: key with scope people.
         */
        patch: operations["tellVisitor"];
        trace?: never;
    };
    "/api/v1/sites/{site}/visitors/{visitor}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All that there is of a visitor, as a ZIP archive
         * @description For: site admin, or key with scopes people and read.
         */
        get: operations["exportVisitor"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sites/{site}/visitors/{visitor}/presence": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether a visitor is here, and on which page
         * @description For: site agent, or key with scope read.
         */
        get: operations["getVisitorPresence"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        APIKey: {
            id: string;
            /**
             * Format: int64
             * @description To the minute; absent: never.
             */
            last_used_at?: number;
            /** Format: int64 */
            made_at: number;
            /** @description Who made it, by the name it had then. */
            made_by: string;
            name: string;
            /** @description What it opens: push, broadcast, legacy. */
            scopes: string[];
        };
        ActAs: {
            /** @description The id of an agent who works on the site: it acts with that agent's role. */
            agent?: string;
            /** @description The name of a bot, as the visitor sees it. It answers while no agent has the round, and takes none. */
            bot?: string;
        };
        Actor: {
            /** @description A bot's is that of its API key. */
            id?: string;
            /** @enum {string} */
            kind: "visitor" | "agent" | "bot" | "system" | "key";
            /** @description Its name then. */
            name?: string;
        };
        AgentName: {
            id: string;
            name: string;
        };
        AgentPresence: {
            id: string;
            name: string;
            /** @enum {string} */
            presence: "online" | "away" | "offline";
            /** @enum {string} */
            role: "agent" | "supervisor" | "admin";
        };
        AssignInput: {
            /** @description The id of the agent who gets the round. */
            agent: string;
            as?: components["schemas"]["ActAs"];
        };
        Broadcast: {
            audience: components["schemas"]["BroadcastAudience"];
            by: components["schemas"]["BroadcastAuthor"];
            /** Format: int64 */
            created_at: number;
            /**
             * Format: int64
             * @description To how many visitors it was sent so far.
             */
            delivered: number;
            /**
             * Format: int64
             * @description For how many visitors it was when it was published.
             */
            expected: number;
            /**
             * Format: int64
             * @description Visitors do not see it from then on.
             */
            expires_at?: number;
            id: string;
            /** Format: int64 */
            published_at?: number;
            /**
             * Format: int64
             * @description How many of them have seen it so far.
             */
            read: number;
            /** Format: int64 */
            scheduled_at?: number;
            /**
             * @description In the conversation, or as a card by itself.
             * @enum {string}
             */
            show: "message" | "card";
            /** @enum {string} */
            state: "draft" | "scheduled" | "publishing" | "published" | "withdrawn" | "expired";
            text: string;
            /**
             * Format: int64
             * @description Rises with each change; a change names the version that it saw.
             */
            version: number;
            /**
             * Format: int64
             * @description How many waves are out.
             */
            wave?: number;
            /** Format: int64 */
            wave_seconds?: number;
            /** Format: int64 */
            waves: number;
            /** Format: int64 */
            withdrawn_at?: number;
        };
        BroadcastAudience: {
            /** @description Of a list: the visitors' ids, at most 100,000, as agents' frames have them in visitor.id. They are given when the draft is made or changed, and not sent back; a change without them leaves them as they are. */
            ids?: string[];
            /** @enum {string} */
            kind: "all" | "online" | "segment" | "list";
            /** @description Of a segment: a language tag, or the beginning of one. */
            language?: string;
            /** @description Of a segment: the beginning of the address of the page that the visitor is on. */
            page?: string;
            /**
             * Format: int64
             * @description Of a list, in answers: how many visitors it names.
             */
            size?: number;
            /**
             * Format: int64
             * @description Of a list, in answers: how many of them were no visitors of the site when it was given.
             */
            unknown?: number;
            /** @description Of a segment: only visitors for whom the website vouches. */
            verified?: boolean;
        };
        BroadcastAuthor: {
            id: string;
            /** @enum {string} */
            kind: "agent" | "key";
            name?: string;
        };
        BroadcastChange: {
            content: components["schemas"]["BroadcastContent"];
            /**
             * Format: int64
             * @description The version that the change is about.
             */
            version: number;
        };
        BroadcastContent: {
            audience: components["schemas"]["BroadcastAudience"];
            /** Format: int64 */
            expires_at?: number;
            /** @enum {string} */
            show: "message" | "card";
            text: string;
            /** Format: int64 */
            wave_seconds?: number;
            /**
             * Format: int64
             * @description In how many parts the visitors get it; 1 by default.
             */
            waves?: number;
        };
        BroadcastCount: {
            /** @description False: about so many. */
            exact: boolean;
            /**
             * Format: int64
             * @description Those of them who are connected now.
             */
            online: number;
            /**
             * Format: int64
             * @description Those of a list who are no visitors of the site; not among visitors.
             */
            unknown?: number;
            /**
             * Format: int64
             * @description Whom the site knows, and newcomers who are connected.
             */
            visitors: number;
        };
        BroadcastSchedule: {
            /**
             * Format: int64
             * @description When it is published.
             */
            at: number;
            /** Format: int64 */
            version: number;
        };
        BroadcastVersion: {
            /** Format: int64 */
            version: number;
        };
        Broadcasts: {
            /** @description Newest first. */
            broadcasts: components["schemas"]["Broadcast"][];
        };
        Changed: {
            conversation: components["schemas"]["Conversation"];
            /** @description What the request has appended; absent where nothing had to change. */
            event?: components["schemas"]["Event"];
        };
        CommandInput: {
            as?: components["schemas"]["ActAs"];
        };
        Conversation: {
            /**
             * Format: int64
             * @description Those of agents and bots.
             */
            agent_messages: number;
            /** Format: int64 */
            created_at: number;
            /** @description A UUID. */
            id: string;
            /** @description In lists: its last message or note, the text cut at 200 characters. */
            last?: components["schemas"]["Event"];
            /**
             * Format: int64
             * @description When its last event came.
             */
            last_at: number;
            /** @description Of its last event: a cursor for what comes after it. */
            position: string;
            /** @description The present round. */
            round: components["schemas"]["ConversationRound"];
            /** @description The visitor's id. */
            visitor: string;
            /** Format: int64 */
            visitor_messages: number;
        };
        ConversationRound: {
            /** @description Who has it, or had it when it was resolved. */
            agent?: components["schemas"]["AgentName"];
            /** Format: int64 */
            number: number;
            /** Format: int64 */
            opened_at?: number;
            /** Format: int64 */
            resolved_at?: number;
            /** @enum {string} */
            state: "none" | "waiting" | "assigned" | "resolved";
            /**
             * Format: int64
             * @description Since when the visitor awaits an agent's answer.
             */
            unanswered_since?: number;
            /** Format: int64 */
            waiting_since?: number;
        };
        Conversations: {
            conversations: components["schemas"]["Conversation"][];
            /** @description The cursor of the next page; absent on the last one. */
            next?: string;
        };
        CountInput: {
            audience?: components["schemas"]["BroadcastAudience"];
            /** @description The id of a broadcast whose audience is meant, instead of audience. */
            broadcast?: string;
        };
        Erasure: {
            /** Format: int64 */
            at: number;
            /** @description Of this receipt. */
            id: string;
            removed: components["schemas"]["ErasureRemoved"];
        };
        ErasureRemoved: {
            /**
             * Format: int64
             * @description Of the files; they are deleted within minutes.
             */
            bytes: number;
            /** Format: int64 */
            events: number;
            /** Format: int64 */
            files: number;
            /**
             * Format: int64
             * @description Lists of broadcasts that named the visitor.
             */
            lists: number;
            /** Format: int64 */
            log_ins: number;
            /**
             * Format: int64
             * @description Names in the legacy chat room.
             */
            names: number;
            /**
             * Format: int64
             * @description Events of which webhooks were still to be told.
             */
            outgoing: number;
            /**
             * Format: int64
             * @description Earlier texts of messages that were edited.
             */
            revisions: number;
            /** Format: int64 */
            rounds: number;
        };
        Event: {
            /** Format: int64 */
            at: number;
            by: components["schemas"]["Actor"];
            /** @description Its text stands in another conversation now. */
            carried?: boolean;
            /** @description Its text was taken back, or carried. */
            erased?: boolean;
            /** @description One sentence in English, for readers who do not know the kind. */
            fallback?: string;
            files?: components["schemas"]["EventFile"][];
            /** @description message, note, edit, recall, opened, reopened, assigned, released, returned, resolved, carried; more may come. */
            kind: string;
            /** @description Where it stood before its visitor logged in: nothing new, it was told there with the same text. A bot passes over it. */
            origin?: components["schemas"]["EventOrigin"];
            /** @description Number and tag: as a cursor it continues behind this event, and proves itself. */
            position: string;
            /** @description The visitor does not see it. */
            private?: boolean;
            /**
             * Format: int64
             * @description Raised by each edit.
             */
            revision?: number;
            /** @description The change of the round, for the kinds that change it. */
            round?: components["schemas"]["EventRound"];
            /**
             * Format: int64
             * @description Its number: 1, 2, 3, without a gap.
             */
            seq: number;
            /** @description What an edit or a recall changed. */
            target?: components["schemas"]["EventTarget"];
            /** @description Of a message or note, as it is now. */
            text?: string;
            /** @description Of carried: the id of the conversation in which the round goes on. */
            to?: string;
            /** @description The API key by which it came in. */
            via?: components["schemas"]["Actor"];
        };
        EventFile: {
            id: string;
            name: string;
            /**
             * Format: int64
             * @description In bytes.
             */
            size: number;
            /** @description The content type that its bytes have. */
            type: string;
        };
        EventOrigin: {
            /** @description A UUID. */
            conversation: string;
            /**
             * Format: int64
             * @description Its number there.
             */
            seq: number;
        };
        EventRound: {
            /** @description Who has it now. */
            agent?: components["schemas"]["AgentName"];
            /** @description Who had it before. */
            from?: components["schemas"]["AgentName"];
            /** Format: int64 */
            number: number;
        };
        EventTarget: {
            /** Format: int64 */
            seq: number;
        };
        Events: {
            /** @description In the order that was asked for. */
            events: components["schemas"]["Event"][];
            /** @description More events follow now. */
            more: boolean;
            /** @description The cursor for what follows. With order oldest it is there at the end, too: what comes later will be behind it. */
            next?: string;
            /** @description The cursor is of no event of this log, which a backup was put in place of: drop your copy. The newest events are here. */
            reset?: boolean;
            /** @description Events behind the cursor were removed by retention: these are the first that are left. */
            truncated?: boolean;
        };
        Look: {
            brand: string;
            greeting?: string;
            language: string;
            placement: string;
            theme: string;
            title?: string;
        };
        MadePush: {
            /** @description False: a node did not answer within 2 s. It delivers within 5 s, and its connections are not counted. */
            complete: boolean;
            /**
             * Format: int64
             * @description Its position in the site's log of pushes. Positions rise; there are gaps.
             */
            position: number;
            /**
             * Format: int64
             * @description The connections, on all nodes, to which it went.
             */
            reached: number;
        };
        MadeTicket: {
            /** Format: int64 */
            expires_at: number;
            /** @description For the parameter ticket of the WebSocket's address, or the value of the cookie. */
            ticket: string;
        };
        Mark: {
            /**
             * Format: int64
             * @description The number of an event.
             */
            read: number;
            /**
             * Format: int64
             * @description The number of an event.
             */
            received: number;
            who: components["schemas"]["Actor"];
        };
        MarkInput: {
            /** @description The id of the agent who has read so far. */
            agent: string;
            /** Format: int64 */
            read?: number;
            /** Format: int64 */
            received?: number;
        };
        Marks: {
            marks: components["schemas"]["Mark"][];
        };
        Member: {
            /** @description For the site's admins. */
            email?: string;
            id: string;
            /**
             * Format: int64
             * @description For the site's admins.
             */
            last_seen_at?: number;
            name: string;
            /** @description An owner is admin of every site. */
            owner?: boolean;
            /** @description The address of the portrait, a path on this server. */
            portrait?: string;
            /** @enum {string} */
            role: "agent" | "supervisor" | "admin";
        };
        Members: {
            agents: components["schemas"]["Member"][];
        };
        NewPush: {
            /** @description To all connections of the site. */
            all?: boolean;
            /** @description To the connections of this id. */
            id?: string;
            /** @description To those of these ids. */
            ids?: string[];
            /** @description Text that Kefu does not look into: at most 65,536 bytes in UTF-8. */
            payload: string;
            /** @description Only to connections of verified visitors, whose ids are those of their website (sub), and who came in by a ticket of POST /widget/{key}/push-ticket. */
            verified?: boolean;
        };
        NewTicket: {
            /** @description For the cookie kefu_legacy, where it works many times; otherwise for an address, where it works once, for 30 s. */
            cookie?: boolean;
            /**
             * @description push: wait for the pushes to an id. chat: the legacy chat room under a name.
             * @enum {string}
             */
            door: "push" | "chat";
            /** @description The id, or the name. */
            name: string;
            /**
             * Format: int64
             * @description How long a cookie's ticket works: 12 hours, unless it says so.
             */
            seconds?: number;
        };
        OwnKey: {
            key: components["schemas"]["APIKey"];
            /** @description The id of the site that it is of. */
            site: string;
        };
        PastRound: {
            agent?: components["schemas"]["AgentName"];
            /**
             * Format: int64
             * @description The number of its first event.
             */
            first_seq: number;
            /** Format: int64 */
            number: number;
            /** Format: int64 */
            opened_at: number;
            /**
             * Format: int64
             * @description Absent while it is open.
             */
            resolved_at?: number;
        };
        Presence: {
            /** @description By name. */
            agents: components["schemas"]["AgentPresence"][];
        };
        Problem: {
            /** @description Stable name of the error; clients act on it. */
            code: string;
            /** @description The field of the request that has to be put right, such as settings.origins[0]. */
            field?: string;
            /**
             * Format: int64
             * @description In how many milliseconds it may be tried again.
             */
            retry_after?: number;
            /** @description With a refused act in a conversation: its present round. */
            round?: components["schemas"]["ConversationRound"];
            /** @description One sentence in English: what was wrong, what to do. */
            text: string;
            /**
             * Format: int64
             * @description With wrong_password: how many tries are left before a pause.
             */
            tries_left?: number;
        };
        Rounds: {
            /** @description The cursor of the next page; absent on the last one. */
            next?: string;
            /** @description Newest first. */
            rounds: components["schemas"]["PastRound"][];
        };
        Settings: {
            /** Format: int64 */
            answer_goal_seconds: number;
            /** @default true */
            carry_over: boolean;
            file_types?: string[];
            look: components["schemas"]["Look"];
            one_connection?: boolean;
            origins: string[];
            /**
             * Format: int64
             * @description After so many days a resolved round is removed. Of a round that nobody resolves nothing is, however old it is. 0: never.
             */
            retain_days?: number;
            verified_only?: boolean;
        };
        Site: {
            /** Format: int64 */
            created_at: number;
            id: string;
            /** @description The widget key; public. */
            key: string;
            /** @description The address of the logo, a path on this server; it changes with the picture. */
            logo?: string;
            name: string;
            /**
             * @description Yours here; an API key has none.
             * @enum {string}
             */
            role?: "agent" | "supervisor" | "admin";
            settings: components["schemas"]["Settings"];
            /**
             * Format: int64
             * @description Rises with each change; a change names the version that it saw.
             */
            version: number;
        };
        SiteChange: {
            name?: string;
            /** @description All settings; absent: as they are. An API key sends origins, verified_only, carry_over and retain_days as they are: a person changes them. */
            settings?: components["schemas"]["Settings"];
            /**
             * Format: int64
             * @description The version that the change is about.
             */
            version: number;
        };
        TextInput: {
            /** @description A message is an agent's or a bot's. */
            as?: components["schemas"]["ActAs"];
            text: string;
        };
        Visitor: {
            browser?: string;
            /** @description The id of its conversation; absent before its first message. */
            conversation?: string;
            /** Format: int64 */
            created_at: number;
            id: string;
            /** @description Of its browser. */
            language?: string;
            /** @description What its page said: nobody has verified that. */
            says: components["schemas"]["VisitorSays"];
            /** @description What application servers told by the API. */
            told?: components["schemas"]["VisitorTold"];
            /** @description Of a verified visitor: what its website vouches for. */
            verified?: components["schemas"]["VisitorVouched"];
        };
        VisitorChange: {
            /** @description Empty: none any more. */
            email?: string;
            /** @description Those that are to change, at most 20 in all; an empty value removes a field. */
            fields?: {
                [key: string]: string;
            };
            /** @description Empty: none any more. */
            name?: string;
        };
        VisitorPresence: {
            /** @description The address of the page that it looks at. */
            page?: string;
            /** @enum {string} */
            presence: "online" | "away" | "offline";
            /**
             * Format: int64
             * @description When it came.
             */
            since?: number;
            /** @description The title of that page. */
            title?: string;
        };
        VisitorSays: {
            email?: string;
            fields?: {
                [key: string]: string;
            };
            name?: string;
        };
        VisitorTold: {
            /** Format: int64 */
            at: number;
            /** @description The API key that told the last of it. */
            by: components["schemas"]["Actor"];
            email?: string;
            fields?: {
                [key: string]: string;
            };
            name?: string;
        };
        VisitorVouched: {
            email?: string;
            fields?: {
                [key: string]: string;
            };
            /** @description The person's id at the website. */
            id: string;
            name?: string;
            /** @description The address of its picture, a path on this server, which changes with the picture. */
            portrait?: string;
        };
        Visitors: {
            /** @description The cursor of the next page; absent on the last one. */
            next?: string;
            /** @description Newest first. */
            visitors: components["schemas"]["Visitor"][];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getOwnApiKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OwnKey"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    makeTicket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewTicket"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MadeTicket"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    push: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPush"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MadePush"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSite: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Site"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeSite: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SiteChange"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Site"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listAgents: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Members"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listBroadcasts: {
        parameters: {
            query?: {
                /** @description The id of the last one of the page before. */
                before?: string;
                limit?: number;
            };
            header?: never;
            path: {
                site: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Broadcasts"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    makeBroadcast: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BroadcastContent"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Broadcast"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    countBroadcast: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CountInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BroadcastCount"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getBroadcast: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                broadcast: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Broadcast"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeBroadcast: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                broadcast: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BroadcastChange"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Broadcast"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteBroadcast: {
        parameters: {
            query: {
                version: number;
            };
            header?: never;
            path: {
                site: string;
                broadcast: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    publishBroadcast: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                broadcast: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BroadcastVersion"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Broadcast"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    scheduleBroadcast: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                broadcast: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BroadcastSchedule"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Broadcast"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    withdrawBroadcast: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                broadcast: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BroadcastVersion"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Broadcast"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listConversations: {
        parameters: {
            query?: {
                /** @description Where to go on: next of the page before. */
                cursor?: string;
                limit?: number;
                /** @description Of the present round. Those that wait come longest waiting first, others newest first. */
                state?: "waiting" | "assigned" | "open" | "resolved" | "all";
                /** @description Only the open rounds that this agent has: who awaits an answer first. Not with state, since or before. */
                assignee?: string;
                /** @description Only those in which something happened at this time or later. Not with state waiting. */
                since?: number;
                /** @description Only those in which nothing has happened since this time, to the second. Not with state waiting. */
                before?: number;
            };
            header?: never;
            path: {
                site: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Conversations"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getConversation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                conversation: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Conversation"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    assignRound: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                conversation: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AssignInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Changed"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listEvents: {
        parameters: {
            query?: {
                /** @description A position: next of the page before, or that of any event. The events behind it follow, or with order newest those before it. */
                cursor?: string;
                limit?: number;
                /** @description From which end it is read. */
                order?: "oldest" | "newest";
            };
            header?: never;
            path: {
                site: string;
                conversation: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Events"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listMarks: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                conversation: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Marks"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    setMark: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                conversation: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MarkInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Mark"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sendMessage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                conversation: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TextInput"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Changed"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    addNote: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                conversation: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TextInput"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Changed"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    releaseRound: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                conversation: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommandInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Changed"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    resolveRound: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                conversation: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommandInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Changed"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listRounds: {
        parameters: {
            query?: {
                /** @description Where to go on: next of the page before. */
                cursor?: string;
                limit?: number;
            };
            header?: never;
            path: {
                site: string;
                conversation: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rounds"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    takeRound: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                conversation: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommandInput"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Changed"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getPresence: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Presence"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listVisitors: {
        parameters: {
            query?: {
                /** @description Where to go on: next of the page before. */
                cursor?: string;
                limit?: number;
                /** @description The verified visitor whom the website calls so. */
                external_id?: string;
                /** @description Those for whom their website vouches for this address, or of whom their page or an application server said it. What those two say is a claim, and any may be that of several. */
                email?: string;
            };
            header?: never;
            path: {
                site: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Visitors"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getVisitor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                visitor: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Visitor"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    eraseVisitor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                visitor: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Erasure"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    tellVisitor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                visitor: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VisitorChange"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    exportVisitor: {
        parameters: {
            query?: {
                /** @description Take along what agents wrote for one another. */
                notes?: boolean;
                /** @description Of the readable page's own words. */
                language?: "en" | "zh-CN";
            };
            header?: never;
            path: {
                site: string;
                visitor: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "Cache-Control"?: string;
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/zip": string;
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getVisitorPresence: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                site: string;
                visitor: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VisitorPresence"];
                };
            };
            /** @description What was wrong, and what to do */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
}

/** Method and path of each call. */
export const calls = {
  getOwnApiKey: ['GET', '/api/v1/api-key'],
  makeTicket: ['POST', '/api/v1/legacy/tickets'],
  push: ['POST', '/api/v1/push'],
  getSite: ['GET', '/api/v1/sites/{site}'],
  changeSite: ['PATCH', '/api/v1/sites/{site}'],
  listAgents: ['GET', '/api/v1/sites/{site}/agents'],
  listBroadcasts: ['GET', '/api/v1/sites/{site}/broadcasts'],
  makeBroadcast: ['POST', '/api/v1/sites/{site}/broadcasts'],
  countBroadcast: ['POST', '/api/v1/sites/{site}/broadcasts/count'],
  deleteBroadcast: ['DELETE', '/api/v1/sites/{site}/broadcasts/{broadcast}'],
  getBroadcast: ['GET', '/api/v1/sites/{site}/broadcasts/{broadcast}'],
  changeBroadcast: ['PUT', '/api/v1/sites/{site}/broadcasts/{broadcast}'],
  publishBroadcast: ['POST', '/api/v1/sites/{site}/broadcasts/{broadcast}/publish'],
  scheduleBroadcast: ['POST', '/api/v1/sites/{site}/broadcasts/{broadcast}/schedule'],
  withdrawBroadcast: ['POST', '/api/v1/sites/{site}/broadcasts/{broadcast}/withdraw'],
  listConversations: ['GET', '/api/v1/sites/{site}/conversations'],
  getConversation: ['GET', '/api/v1/sites/{site}/conversations/{conversation}'],
  assignRound: ['POST', '/api/v1/sites/{site}/conversations/{conversation}/assign'],
  listEvents: ['GET', '/api/v1/sites/{site}/conversations/{conversation}/events'],
  listMarks: ['GET', '/api/v1/sites/{site}/conversations/{conversation}/marks'],
  setMark: ['PUT', '/api/v1/sites/{site}/conversations/{conversation}/marks'],
  sendMessage: ['POST', '/api/v1/sites/{site}/conversations/{conversation}/messages'],
  addNote: ['POST', '/api/v1/sites/{site}/conversations/{conversation}/notes'],
  releaseRound: ['POST', '/api/v1/sites/{site}/conversations/{conversation}/release'],
  resolveRound: ['POST', '/api/v1/sites/{site}/conversations/{conversation}/resolve'],
  listRounds: ['GET', '/api/v1/sites/{site}/conversations/{conversation}/rounds'],
  takeRound: ['POST', '/api/v1/sites/{site}/conversations/{conversation}/take'],
  getPresence: ['GET', '/api/v1/sites/{site}/presence'],
  listVisitors: ['GET', '/api/v1/sites/{site}/visitors'],
  eraseVisitor: ['DELETE', '/api/v1/sites/{site}/visitors/{visitor}'],
  getVisitor: ['GET', '/api/v1/sites/{site}/visitors/{visitor}'],
  tellVisitor: ['PATCH', '/api/v1/sites/{site}/visitors/{visitor}'],
  exportVisitor: ['GET', '/api/v1/sites/{site}/visitors/{visitor}/export'],
  getVisitorPresence: ['GET', '/api/v1/sites/{site}/visitors/{visitor}/presence'],
} as const

/** The calls as the client has them. */
export interface Calls {
  /** The API key that the request carries: whether it works, and what it opens. For: key. */
  getOwnApiKey: Call<'getOwnApiKey'>
  /** Let a page come in by a legacy door under a name. For: key with scope legacy. */
  makeTicket: Call<'makeTicket'>
  /** Push text to the connections of one id, of several, or to all. For: key with scope push. */
  push: Call<'push'>
  /** A site and its settings. For: site agent, or key with scope read. */
  getSite: Call<'getSite'>
  /** Change a site's name and settings. For: site admin, or key with scope write. */
  changeSite: Call<'changeSite'>
  /** The agents of a site, by name. For: site agent, or key with scope read. */
  listAgents: Call<'listAgents'>
  /** A site's broadcasts, with their counts. For: site supervisor, or key with scope broadcast. */
  listBroadcasts: Call<'listBroadcasts'>
  /** Make a draft. For: site supervisor, or key with scope broadcast. */
  makeBroadcast: Call<'makeBroadcast'>
  /** For how many visitors a broadcast would be. For: site supervisor, or key with scope broadcast. */
  countBroadcast: Call<'countBroadcast'>
  /** Delete a draft. For: site supervisor, or key with scope broadcast. */
  deleteBroadcast: Call<'deleteBroadcast'>
  /** A broadcast, with its counts. For: site supervisor, or key with scope broadcast. */
  getBroadcast: Call<'getBroadcast'>
  /** Change a draft. For: site supervisor, or key with scope broadcast. */
  changeBroadcast: Call<'changeBroadcast'>
  /** Send a draft out now. For: site supervisor, or key with scope broadcast. */
  publishBroadcast: Call<'publishBroadcast'>
  /** Send a draft out later. For: site supervisor, or key with scope broadcast. */
  scheduleBroadcast: Call<'scheduleBroadcast'>
  /** Take a broadcast back; a scheduled one is a draft again. For: site supervisor, or key with scope broadcast. */
  withdrawBroadcast: Call<'withdrawBroadcast'>
  /** A site's conversations by the state of their round. For: site agent, or key with scope read. */
  listConversations: Call<'listConversations'>
  /** A conversation and its present round. For: site agent, or key with scope read. */
  getConversation: Call<'getConversation'>
  /** Give the round to an agent. For: key with scope write. */
  assignRound: Call<'assignRound'>
  /** A conversation's events, in both directions. For: site agent, or key with scope read. */
  listEvents: Call<'listEvents'>
  /** How far everybody has read a conversation. For: site agent, or key with scope read. */
  listMarks: Call<'listMarks'>
  /** Say how far an agent has read a conversation; it never goes back. For: key with scope write. */
  setMark: Call<'setMark'>
  /** Send a message as an agent or a bot. For: key with scope write. */
  sendMessage: Call<'sendMessage'>
  /** Add a note, which only agents see. For: key with scope write. */
  addNote: Call<'addNote'>
  /** Give the round back to the queue. For: key with scope write. */
  releaseRound: Call<'releaseRound'>
  /** End the round. For: key with scope write. */
  resolveRound: Call<'resolveRound'>
  /** A conversation's rounds. For: site agent, or key with scope read. */
  listRounds: Call<'listRounds'>
  /** Have an agent take a waiting round. For: key with scope write. */
  takeRound: Call<'takeRound'>
  /** Which agents of a site are here. For: site agent, or key with scope read. */
  getPresence: Call<'getPresence'>
  /** A site's visitors, or those who match. For: site agent, or key with scope people. */
  listVisitors: Call<'listVisitors'>
  /** Erase a visitor with all that there is of it; once more gives the same receipt. For: site admin, or key with scope people. */
  eraseVisitor: Call<'eraseVisitor'>
  /** What is known of a visitor, and by whom. For: site agent, or key with scope people. */
  getVisitor: Call<'getVisitor'>
  /** Tell a visitor's name, e-mail address and own fields. For: key with scope people. */
  tellVisitor: Call<'tellVisitor'>
  /** All that there is of a visitor, as a ZIP archive. For: site admin, or key with scopes people and read. */
  exportVisitor: Call<'exportVisitor'>
  /** Whether a visitor is here, and on which page. For: site agent, or key with scope read. */
  getVisitorPresence: Call<'getVisitorPresence'>
}
