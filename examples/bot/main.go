// Command bot answers a site's visitors, and hands over to people when it is asked to.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"regexp"
	"time"

	kefu "github.com/kefu-chat/kefu/clients/go"
)

var wantsPerson = regexp.MustCompile(`(?i)\b(person|human|agent)\b|人工`)

func main() {
	c, err := kefu.New(os.Getenv("KEFU_ADDRESS"), os.Getenv("KEFU_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	hear := func(w http.ResponseWriter, r *http.Request) {
		d, err := kefu.ReadDelivery(r, os.Getenv("KEFU_WEBHOOK_SECRET"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
		} else if err = answer(r.Context(), c, d); err != nil {
			log.Print(err)
			if e, refused := errors.AsType[*kefu.Error](err); !refused || e.Status == http.StatusUnauthorized || e.Status >= http.StatusTooManyRequests {
				http.Error(w, "later, please", http.StatusServiceUnavailable) // it comes again
			} // else a person has it by now, or it is over: there is nothing to answer any more
		}
	}
	s := &http.Server{Addr: os.Getenv("LISTEN"), Handler: http.HandlerFunc(hear), ReadTimeout: 10 * time.Second}
	log.Fatal(s.ListenAndServe())
}

// answer says something once, however often a message comes: its id names the answer.
func answer(ctx context.Context, c *kefu.Client, d *kefu.Delivery) error {
	e, in := d.Data.Event, d.Data.Conversation
	if d.Type != "message.created" || e.By.Kind != kefu.ActorKindVisitor || e.Origin != nil || in.Round.State == kefu.ConversationRoundStateAssigned {
		return nil // not a visitor's, answered before its visitor logged in, or a person's to answer
	}
	say := kefu.TextInput{As: &kefu.ActAs{Bot: "Robin"}, Text: "You said: " + e.Text}
	asks := wantsPerson.MatchString(e.Text)
	if asks {
		say.Text = "One moment: I am asking somebody for you."
	}
	if _, err := c.SendMessage(kefu.Once(ctx, d.ID), d.Data.Site, in.ID, say); err != nil || !asks {
		return err
	}
	team, err := c.GetPresence(ctx, d.Data.Site)
	for i := 0; err == nil && i < len(team.Agents); i++ { // while nobody is there, the visitor waits in the queue
		if one := team.Agents[i]; one.Presence == kefu.AgentPresencePresenceOnline {
			_, err = c.AssignRound(kefu.Once(ctx, d.ID+" to a person"), d.Data.Site, in.ID, kefu.AssignInput{Agent: one.ID})
			break
		}
	}
	return err
}
