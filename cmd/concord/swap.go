package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"concord/config"
	"concord/inference"
	"concord/node"
)

// livePack is the pack that judges, or its shadow. It is opened again when the
// configuration or its files change, and cases go on meanwhile.
type livePack struct {
	*inference.Live
	log      *zap.Logger
	what     string // in the log
	provider atomic.Pointer[string]

	swapped, refused atomic.Int64

	now packState
}

// packState is what a pack was opened from.
type packState struct {
	config      config.Model
	digest      string
	calibration []byte
}

// openLivePack opens and tries the pack of a configuration. Servers that are
// away do not keep the node from starting: its cases wait.
func openLivePack(ctx context.Context, c *config.Config, what string, log *zap.Logger) (*livePack, error) {
	model, provider, err := openModel(ctx, c)
	if err != nil {
		return nil, err
	}
	p := &livePack{Live: inference.NewLive(model), log: log, what: what}
	switch err := tried(ctx, c, model); {
	case errors.Is(err, inference.ErrUnavailable):
		log.Warn("no inference server answers; cases wait until one does", zap.String("pack", what), zap.Error(err))
	case err != nil:
		return nil, errors.Join(fmt.Errorf("model pack %s: %w", c.Model.Pack, err), model.Close())
	}
	if p.now, err = stateOf(c); err != nil {
		return nil, err
	}
	p.use(model, provider)
	return p, nil
}

// tried warms a model up, but for the embedded one: until its first case a node has
// no more memory than one without.
func tried(ctx context.Context, c *config.Config, model *inference.Model) error {
	if embedded(c.Model) {
		return nil
	}
	return model.Warm(ctx)
}

func (p *livePack) use(model *inference.Model, provider string) {
	p.provider.Store(&provider)
	p.log.Info("model pack loaded", zap.String("use", p.what), zap.String("pack", model.Name()), zap.String("digest", model.Digest()),
		zap.String("calibration", model.Calibrated()), zap.String("provider", provider))
}

func stateOf(c *config.Config) (s packState, err error) {
	s.config = c.Model
	s.config.ShadowPack, s.config.Deadline, s.config.MaxImages = "", 0, 0 // no part of it
	if s.digest, err = inference.Digest(packFiles(c.Model.Pack)); err != nil {
		return s, err
	}
	if c.Model.Calibration != "" {
		s.calibration, err = os.ReadFile(c.Model.Calibration)
	}
	return s, err
}

func (s packState) equal(other packState) bool {
	return s.digest == other.digest && bytes.Equal(s.calibration, other.calibration) && reflect.DeepEqual(s.config, other.config)
}

// follow swaps the pack where the configuration or its files changed. One that
// does not load, verify or run leaves the pack before in use.
func (p *livePack) follow(ctx context.Context, c *config.Config) {
	if err := p.swap(ctx, c); err != nil && ctx.Err() == nil {
		p.refused.Add(1)
		p.log.Error("the changed model pack cannot be used; the node goes on with the one before",
			zap.String("use", p.what), zap.String("pack", p.Model().Name()), zap.Error(err))
	}
}

func (p *livePack) swap(ctx context.Context, c *config.Config) error {
	state, err := stateOf(c)
	if err != nil || state.equal(p.now) {
		return err
	}
	model, provider, err := openModel(ctx, c)
	if err != nil {
		return err
	}
	if err := proven(ctx, model); err != nil {
		return errors.Join(err, model.Close())
	}
	p.now = state
	p.swapped.Add(1)
	p.use(model, provider)
	return p.Swap(model)
}

// proven runs a pack's goldens, where it has some, and warms it up.
func proven(ctx context.Context, model *inference.Model) error {
	if model.Manifest().Goldens != "" {
		found, err := model.VerifyOwn(ctx)
		if err != nil {
			return err
		}
		if !found.Reproduced() {
			return fmt.Errorf("the pack %s does not reproduce its goldens: `concord pack verify` says what differs", model.Name())
		}
	}
	return model.Warm(ctx)
}

// models are the pack that judges and, where one is configured, its shadow.
type models struct {
	live   *livePack
	second atomic.Pointer[livePack] // that of shadow; nil: none
	shadow *node.Shadow
	log    *zap.Logger

	mu      sync.Mutex
	changed chan *config.Config // the newest; room for one
}

func openModels(ctx context.Context, c *config.Config, log *zap.Logger) (*models, error) {
	m := &models{shadow: node.NewShadow(log), log: log, changed: make(chan *config.Config, 1)}
	var err error
	if m.live, err = openLivePack(ctx, c, "live", log); err != nil {
		return nil, err
	}
	return m, m.addShadow(ctx, c)
}

// run keeps the packs up to date and lets the shadow work, until ctx ends.
func (m *models) run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { m.shadow.Run(ctx) })
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-m.changed:
			m.live.follow(ctx, c)
			m.followShadow(ctx, c)
		}
	}
}

// reload asks for a look at what the configuration names now.
func (m *models) reload(c *config.Config) {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.changed: // older, and not looked at yet
	default:
	}
	m.changed <- c
}

// followShadow adds, swaps or takes away the shadow.
func (m *models) followShadow(ctx context.Context, c *config.Config) {
	second := m.second.Load()
	var err error
	switch {
	case second == nil:
		err = m.addShadow(ctx, c)
	case c.Model.ShadowPack != "":
		second.follow(ctx, shadowConfig(c))
	default:
		m.shadow.Use(nil)
		m.second.Store(nil)
		m.log.Info("the shadow pack is not in use any more", zap.String("pack", second.Model().Name()))
		err = second.Close()
	}
	if err != nil && ctx.Err() == nil {
		m.log.Error("the shadow pack cannot be changed", zap.Error(err))
	}
}

// addShadow opens the shadow pack where one is configured.
func (m *models) addShadow(ctx context.Context, c *config.Config) error {
	if c.Model.ShadowPack == "" {
		return nil
	}
	second, err := openLivePack(ctx, shadowConfig(c), "shadow", m.log)
	if err != nil {
		return fmt.Errorf("model.shadow_pack: %w", err)
	}
	m.second.Store(second)
	m.shadow.Use(second.Live)
	return nil
}

// shadowConfig is the configuration under which the shadow pack is opened: the
// site's calibration is not for it.
func shadowConfig(c *config.Config) *config.Config {
	shadow := *c
	shadow.Model.Pack, shadow.Model.Calibration = c.Model.ShadowPack, ""
	return &shadow
}
