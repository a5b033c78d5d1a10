# Every word of the pages, in Japanese (です・ます).

## Every page

skip-to-content = 本文へ移動
title = { $page } – { $product }
title-error = エラー: { $page } – { $product }
reference = 参照番号
continue = 続ける
use-another-account = 別のアカウントを使う
return-to = <bdi>{ $client }</bdi> に戻る
language-label = 言語
language-change = 変更
links = リンク
link-help = ヘルプ
link-privacy = プライバシー
link-terms = 利用規約
password-show = パスワードを表示
password-hide = パスワードを隠す

## Sign in

sign-in-heading = ログイン
sign-in-to-continue = <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> に進みます
sign-in-again-title = ご本人であることの確認
sign-in-again-heading = <bdi>{ $account }</bdi> さんご本人であることを確認してください
sign-in-again = <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> に進むには、パスワードをもう一度入力してください
sign-in-again-or-passkey = <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> に進むには、パスワードをもう一度入力するか、パスキーを使用してください
sign-in-username = ユーザー名
sign-in-password = パスワード
sign-in-submit = ログイン

passkey-use = パスキーを使用
passkey-cancelled = パスキーは使用されませんでした。もう一度試すか、別の方法を選んでください。
passkey-failed = このブラウザーではここでパスキーを使用できません。別の方法を選んでください。
passkey-needs-script = パスキーを使用するには、パスキーに対応したブラウザーで、このページの JavaScript を有効にしてください。

problem-heading = 問題があります
problem-credentials = ユーザー名またはパスワードが正しくありません。両方を確認して、もう一度お試しください。
problem-password = パスワードが正しくありません。確認して、もう一度お試しください。
problem-username-missing = ユーザー名を入力してください。
problem-password-missing = パスワードを入力してください。
problem-throttled = 試行回数が多すぎます。{ $minutes ->
   *[other] { $minutes } 分
 }待ってから、もう一度お試しください。
problem-passkey = このパスキーは受け付けられませんでした。もう一度試すか、別の方法を選んでください。
problem-busy = ただいまログインが集中しています。少し待ってから、もう一度お試しください。

## A second factor

second-factor-passkey-heading = パスキーで確認
second-factor-heading = コードを入力してください
second-factor-account = <strong><bdi>{ $account }</bdi></strong> としてログインします
second-factor-code = 認証アプリのコード
second-factor-use-recovery-code = リカバリーコードを使う
second-factor-recovery-code = リカバリーコード
second-factor-recovery-submit = このリカバリーコードを使う
problem-code = コードが正しくないか、すでに使われています。次のコードを待って、もう一度お試しください。
problem-code-missing = 認証アプリに表示される 6 桁の数字を入力してください。
problem-recovery-code = リカバリーコードが正しくないか、すでに使われています。
problem-recovery-code-missing = リカバリーコードを 1 つ入力してください。16 文字の英数字です。

enrol-heading = 認証アプリを設定する
enrol-explanation = <strong><bdi>{ $account }</bdi></strong> にはパスワードのほかに確認が必要です。これを認証アプリで読み取り、表示されたコードを入力してください。
enrol-choice-heading = ご本人であることを示す方法をもう 1 つ追加してください
enrol-choice-explanation = ここでは <strong><bdi>{ $account }</bdi></strong> にパスワードのほかに確認が必要です。ご本人であることを示すものをもう 1 つ追加してください。
enrol-scan = これを認証アプリで読み取り、表示されたコードを入力してください。
enrol-qr = 認証アプリ用の QR コード
enrol-type = 読み取れない場合は、このキーをアプリに入力してください:
enrol-code = アプリに表示されたコード
problem-enrolment-over = このページが開いたまま時間が経ちすぎました。新しい QR コードを読み取り、アプリに表示されたコードを入力してください。

offer-heading = アカウントの安全性を高めましょう
offer-explanation = <strong><bdi>{ $account }</bdi></strong> はパスワードだけで保護されています。パスワードを知った人は誰でもログインできます。スマートフォンのコードを使うと、それを防げます。
offer-not-now = 後で

recovery-codes-heading = リカバリーコードを保存してください
recovery-codes-explanation = それぞれ、認証アプリの代わりに一度だけログインに使えます。表示されるのは今回だけです。
recovery-codes-advice = 印刷するか書き留めて、ご自分だけが分かる場所に保管してください。
recovery-codes-saved = 保存しました

## A password, by a link

recover-link = パスワードを忘れた場合
recover-heading = アカウントを取り戻す
recover-explanation = ログインに使う名前かメールアドレスを入力してください。ログイン方法を新しく決めるためのリンクを送ります。
recover-account = ユーザー名またはメールアドレス
recover-submit = リンクを送信
problem-recover-missing = ユーザー名かメールアドレスを入力してください。
recovery-asked-heading = メールを確認してください
recovery-asked-explanation = その名前またはアドレスのアカウントがあり、持ち主のメールアドレスがわかっていれば、そこへリンクを送りました。リンクは 30 分間、1 回だけ使えます。
recovery-asked-advice = 届かないときは、迷惑メールと入力した内容を確認し、それでも届かなければこのサービスの管理者に問い合わせてください。

first-sign-in-heading = ログイン方法を選ぶ
first-password-heading = パスワードを決める
new-password-heading = 新しいパスワードを決める
new-password-ends = ほかの場所ではすべてログアウトし、アプリのアクセス権はもう一度許可するまでなくなります。
new-password-label = 新しいパスワード
new-password-again = 新しいパスワード（もう一度）
new-password-advice = { $minimum } 文字以上。いくつかの単語を並べると覚えやすくなります。
new-password-end-others = ほかのすべてでログアウトし、アプリに与えた権限を終了します。アプリは再度確認します。
new-password-submit = パスワードを設定
problem-new-password-missing = 新しいパスワードを入力してください。
problem-new-password-differs = 2 つのパスワードが一致しません。新しいパスワードを 2 回入力してください。
problem-new-password-short = このパスワードは短すぎます。{ $minimum } 文字以上が必要です。
problem-new-password-long = このパスワードは長すぎます。もっと短いものにしてください。
problem-new-password-character = このパスワードには、ログインのときに入力できない文字が含まれています。その文字のないものにしてください。
problem-new-password-common = このパスワードは、最初に試されるものの一つです。いくつかの単語を並べるなど、別のものにしてください。
problem-new-password-name = このパスワードは、あなたかこのサービスの名前またはアドレスです。どちらとも関係のないものにしてください。

## Choosing an account

not-admitted-heading = このアプリは利用できません
not-admitted-lead = <strong><bdi>{ $account }</bdi></strong> でサインインしていますが、このアカウントでは <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> を利用できません。
not-admitted-ask = 利用を希望する場合の問い合わせ先:
not-admitted-ask-owner = 利用を希望する場合は、<bdi>{ $client }</bdi> の運営者にお問い合わせください。
select-account-heading = アカウントを選択
select-account-continue = <strong><bdi>{ $account }</bdi></strong> として続ける

## Consent

consent-title = { $client } のアクセスを許可しますか?
consent-heading = <bdi>{ $client }</bdi> にアカウントの使用を許可しますか?
consent-account = <strong><bdi>{ $account }</bdi></strong> としてログインしています
consent-resource = 使用する API: <strong><bdi>{ $resource }</bdi></strong>
consent-asks = <bdi>{ $client }</bdi> は次の許可を求めています
consent-asks-more = <bdi>{ $client }</bdi> は新たに次の許可も求めています
consent-asks-nothing = <bdi>{ $client }</bdi> は特定の許可を求めていません。
consent-identity = あなたの情報
consent-read = 読み取り
consent-change = 変更
consent-while-away = 使用していない間
consent-other = その他
consent-new = 新規
consent-unknown = 権限 <code><bdi>{ $scope }</bdi></code> (説明なし)
consent-unknown-warning = この権限で何が許可されるかの説明がありません。用途がわかる場合にだけ許可してください。
consent-already-allowed = すでに許可した内容
consent-return = 許可または拒否すると <strong><bdi>{ $host }</bdi></strong> に戻ります
consent-loopback = これはこのコンピューター上のアプリです。ご自身で起動したばかりの場合にだけ許可してください。
consent-client-pages = <bdi>{ $client }</bdi> からのご案内:
consent-allow = 許可
consent-deny = 許可しない

scope-openid = あなたであることを確認する
scope-profile = 名前、写真、その他のプロフィールを見る
scope-email = メールアドレスを見る
scope-phone = 電話番号を見る
scope-address = 住所を見る
scope-groups = 所属するグループを見る
scope-offline-access = アプリを使っていない間も、あなたが削除するまでアクセスを続ける
scope-admin-read = このサーバーのすべて（ユーザー、アプリ、セッション、鍵、イベント）を見る
scope-admin-write = このサーバーのすべて（ユーザー、アプリ、セッション、鍵）を変更する
scope-scim = ユーザーとグループを作成、変更、削除する

## On the way back to the app

form-post-title = { $client } に戻ります
form-post-heading = <bdi>{ $client }</bdi> に戻ります
form-post-explanation = 何も起こらない場合は、「続ける」を選んで <strong><bdi>{ $host }</bdi></strong> に進んでください。

## A redirect too long for a header

go-on-heading = お待ちください
go-on-explanation = 何も起こらない場合は、「続ける」を選んでください。

## A form answered before

answered-heading = すでに回答済みです
answered-explanation = この質問には、別のタブなどですでに回答されています。ここで行うことはもうありません。
answered-return-where = 続けるには <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> に戻ってください。

## Signing out

sign-out-heading = ログアウトしますか?
sign-out-explanation = このブラウザーでの { $product } のセッションを終了します。開いたアプリでは、そこでもログアウトするまでログインしたままの場合があります。
sign-out-requested = <strong><bdi>{ $client }</bdi></strong> が、このブラウザーで { $product } からログアウトすることを求めています。開いたほかのアプリでは、そこでもログアウトするまでログインしたままの場合があります。
sign-out-told = 次のアプリにも通知され、ログアウトします
sign-out-return = その後 <strong><bdi>{ $host }</bdi></strong> に戻ります
sign-out-unverified = アプリの要求を確認できなかったため、アプリには戻りません。
sign-out-submit = ログアウト
sign-out-cancel = ログインしたままにする
signed-out-heading = ログアウトしました
signed-out-explanation = このブラウザーでの { $product } のセッションは終了しました。
signed-out-told = 次のアプリからもログアウトしました
signed-out-not-told = 次のアプリにはまだログインしている可能性があります
signed-out-apps-in-general = 開いたアプリにはまだログインしている可能性があります。共用のコンピューターでは、それらのアプリからもログアウトし、ブラウザーを閉じてください。
signed-out-not-told-advice = これらのアプリには通知できませんでした。共用のコンピューターでは、それらのアプリからもログアウトし、ブラウザーを閉じてください。

## The front door

home-explanation = ここは、アプリがあなたを確認する場所です。ログインするには、使いたいアプリを開いてください。アプリからここに移動します。
home-signed-in = <strong><bdi>{ $account }</bdi></strong> としてログインしています
home-signed-out = このブラウザーでは誰もログインしていません。
home-unclear = このブラウザーから送られたログイン用 Cookie は使用できないため、ログインしているかどうかがわかりません。念のため、ブラウザーの設定でこのサイトの Cookie を削除してください。

## Refusals and faults

refusal-sign-in-link = このログイン用リンクは使えません
refusal-expired = このページは期限切れです
refusal-browser = このページは別のログインのものです
refusal-sign-out = 誰もログアウトしませんでした
refusal-link = このリンクは使えません
refusal-forbidden = ここからはその操作はできません
refusal-not-found = ページが見つかりません
refusal-method = このページはその方法では開けません
refusal-too-large = 大きすぎて読み取れませんでした
refusal-too-many = 試行回数が多すぎます
refusal-unavailable = 少し待ってからもう一度お試しください
refusal-code = コード
refusal-for-developers = 開発者向け
refusal-detail = 問題の内容
refusal-received = 受け取った内容
refusal-received-empty = 空
refusal-received-more = { $count ->
   *[other] ほか { $count } 個のパラメーター
 }
refusal-docs = このコードの意味
refusal-recover = 新しいリンクを請求する
refusal-front-page = <bdi>{ $product }</bdi> のトップページ
error-entry-error = エラーコード
error-entry-spec = 仕様
error-entry-why = 原因
error-entry-remedy = アプリやこのサーバーの管理者ができること
fault-heading = 申し訳ありません。問題が発生しました
fault-explanation = 問題は当方にあり、あなたに原因はありません。数分後にもう一度お試しください。繰り返し発生する場合は、この参照番号をサービスの運営者にお知らせください。

## What each refusal says

reason-request-malformed = 要求を読み取れませんでした。
    .advice = アプリに戻って、最初からやり直してください。
reason-request-too-large = 要求がこのサーバーで受け付けられる大きさを超えています。
    .advice = アプリに戻って、最初からやり直してください。
reason-parameter-repeated = 要求に同じ項目が複数あります。
    .advice = アプリに戻って、最初からやり直してください。
reason-method-not-allowed = このアドレスはその方法では呼び出せません。
reason-form-reopened = このページはログインまたはログアウトの途中のもので、アドレスから開き直すことはできません。
    .advice = アプリに戻って、最初からやり直してください。
reason-content-type-unsupported = フォームが、このサーバーで読み取れない形式で届きました。
    .advice = アプリに戻って、最初からやり直してください。
reason-credentials-in-query = フォームが、このサーバーで読み取れない形式で届きました。
    .advice = アプリに戻って、最初からやり直してください。
reason-not-found = このアドレスには何もありません。
reason-host-malformed = 要求の宛先が示されていません。
reason-host-unexpected = このサーバーは、要求された名前のものではありません。
    .advice = このサーバーのアドレス: { $issuer }
reason-speculative-request = 誰かが開く前に、ブラウザーがこのアドレスを要求しました。
    .advice = 開くと回答されます。
reason-client-id-missing = アプリが自らを示しませんでした (client_id)。
    .advice = アプリに戻って、もう一度お試しください。
reason-client-unknown = このアプリはここに登録されていません。
    .advice = アプリに戻って、もう一度お試しください。繰り返し発生する場合は、アプリの提供者にお知らせください。
reason-client-disabled = { reason-client-unknown }
    .advice = { reason-client-unknown.advice }
reason-redirect-uri-missing = アプリが戻り先を示しませんでした (redirect_uri)。
    .advice = アプリに戻って、もう一度お試しください。
reason-redirect-uri-not-registered = アプリが、登録されていないアドレスへ戻ることを求めました。
    .advice = アプリに戻って、もう一度お試しください。繰り返し発生する場合は、アプリの提供者にお知らせください。
reason-pushed-request-not-recognised = このサーバーは、そのアプリからのこの要求を認識できません。
    .advice = アプリに戻って、最初からやり直してください。
reason-pushed-request-expired = アプリの要求が古すぎます。
    .advice = アプリに戻って、最初からやり直してください。
reason-pushed-request-used = アプリの要求にはすでに回答しました。
    .advice = アプリに戻って、最初からやり直してください。
reason-pending-request-not-recognised = このサーバーがこのページを認識できないか、ページが古すぎます。
    .advice = アプリに戻って、最初からやり直してください。
reason-pending-request-expired = このログインは始めてから時間が経ちすぎています。
    .advice = アプリに戻って、最初からやり直してください。
reason-pending-request-without-cookie = ログインの開始時の Cookie がこのブラウザーから送られませんでした。別の場所で始められたか、ブラウザーが閉じられたか、ブラウザーが Cookie を保存しない設定です。
    .advice = アプリに戻って、最初からやり直してください。
reason-pending-request-from-another-browser = このログインは別のブラウザーで始められたか、このブラウザーの Cookie が削除される前に始められました。
    .advice = アプリに戻って、最初からやり直してください。
reason-pending-request-from-another-session = このページが表示された後に、このブラウザーで別のログインがありました。
    .advice = アプリに戻って、最初からやり直してください。
reason-pending-request-signed-out = ここではもうログインしていません。
    .advice = アプリに戻って、最初からやり直してください。
reason-pending-request-not-due = ログインの手順がこのページの段階ではありません。
    .advice = アプリに戻って、最初からやり直してください。
reason-cross-site-form = フォームが別のサイトから送信されました。
    .advice = アプリに戻って、最初からやり直してください。
reason-form-origin-unknown = フォームの送信元がブラウザーから示されませんでした。
    .advice = アプリに戻って、最初からやり直してください。このブラウザーが送信元を示さない場合は、別のブラウザーをお使いください。
reason-sign-out-form-stale = このページは、現在のものとは別のログインのために作られました。
    .advice = ログアウトのページをもう一度開いてください。
reason-decision-missing = フォームに許可も拒否も示されていませんでした。
    .advice = アプリに戻って、最初からやり直してください。
reason-session-cookie-unusable = このブラウザーから送られたログイン用 Cookie は使用できないため、誰もログアウトしませんでした。
    .advice = 念のため、ブラウザーの設定でこのサイトの Cookie を削除してください。
reason-link-not-recognised = このサーバーが作ったリンクではないか、リンクが途中で切れています。
    .advice = 受け取ったところからもう一度開くか、そこで新しいものを依頼してください。
reason-link-expired = このリンクは古すぎます。
    .advice = 受け取ったところで新しいものを依頼してください。
reason-link-used = このリンクはもう使えません。すでに使われたか、その後アカウントが変わりました。
    .advice = いつもどおりログインしてください。できない場合は、受け取ったところで新しいリンクを依頼してください。
reason-link-of-another-user = このリンクは、ここでログインしているのとは別のアカウントのものです。
    .advice = ログアウトしてから、もう一度開いてください。
reason-address-taken = このアドレスには、すでにアカウントがあります。
    .advice = そのアカウントでログインしてください。パスワードを忘れた場合は、ログインページから新しいものを設定してください。
reason-registration-closed = ここでは、ご自分でアカウントを作成することはできません。
    .advice = このサービスの運営者に依頼してください。
reason-overloaded = サーバーが混み合っています。
    .advice = 少し待ってから、もう一度お試しください。
reason-store-unavailable = サーバーのデータベースが応答しないか、保存できません。
    .advice = 少し待ってから、もう一度お試しください。
reason-store-rewound = サーバーのデータベースが以前より前の時刻を示しているため、何も判断できません。
    .advice = しばらくしてから、もう一度お試しください。
reason-master-key-missing = データベースに必要な鍵がこのサーバーにありません。
    .advice = 少し待ってから、もう一度お試しください。
reason-clock-not-believed = サーバーの時計が正しくないため、何も判断できません。
    .advice = 少し待ってから、もう一度お試しください。

## Mails

mail-invite-subject = { $product } のアカウントを設定してください
mail-invite = <bdi>{ $product }</bdi> にあなたのアカウントが作成されました。ログイン方法を選んでください。
mail-invite-action = アカウントを設定
mail-verify-subject = { $product } で使うアドレスの確認
mail-verify = <bdi>{ $product }</bdi> でこのメールアドレスが入力されました。ご本人の場合は、あなたのアドレスであることを確認してください。心当たりがない場合は、何もする必要はありません。確認されない限り、何も起こりません。
mail-verify-action = アドレスを確認
mail-recover-subject = { $product } のアカウントの復旧
mail-recover = <bdi>{ $product }</bdi> のアカウント <bdi>{ $account }</bdi> について、アカウントの復旧が求められました。心当たりがない場合は、何もする必要はありません。何も変わっていません。
mail-recover-action = アカウントを復旧
mail-sign-up-subject = { $product } のアカウントの作成
mail-sign-up = <bdi>{ $product }</bdi> のアカウントを作成するために、このアドレスが入力されました。ご自分で入力した場合は、ここから続けてください。心当たりがない場合は、何もする必要はありません。アカウントが勝手に作成されることはありません。
mail-sign-up-action = アカウントを作成
mail-sign-up-invite-subject = { $product } への招待
mail-sign-up-invite = <bdi>{ $product }</bdi> のアカウント作成に招待されました。ユーザー名とログイン方法はご自分で決められます。
mail-account-exists-subject = { $product } のアカウントはすでにあります
mail-account-exists = このアドレスで <bdi>{ $product }</bdi> のアカウントを作成しようとした方がいます。おそらくご自身でしょう。このアドレスはあなたのアカウント <bdi>{ $account }</bdi> のものです。そのアカウントでログインしてください。パスワードを忘れた場合は、そこで新しいものを設定できます。
mail-address-changed-subject = { $product } のアドレスが変更されました
mail-address-changed = { $when } から、<bdi>{ $product }</bdi> のアカウント <bdi>{ $account }</bdi> のアドレスは別のものになりました。このアドレスへのお知らせはこれが最後です。
mail-password-changed-subject = { $product } のパスワードが変更されました
mail-password-changed = <bdi>{ $product }</bdi> のアカウント <bdi>{ $account }</bdi> のパスワードが変更されました ({ $when })。
mail-otp-added-subject = { $product } に認証アプリが追加されました
mail-otp-added = <bdi>{ $product }</bdi> のアカウント <bdi>{ $account }</bdi> に認証アプリが追加されました ({ $when })。
mail-otp-removed-subject = { $product } の認証アプリが削除されました
mail-otp-removed = <bdi>{ $product }</bdi> のアカウント <bdi>{ $account }</bdi> の認証アプリが、リカバリーコードとともに削除されました ({ $when })。
mail-passkey-added-subject = { $product } にパスキーが追加されました
mail-passkey-added = <bdi>{ $product }</bdi> のアカウント <bdi>{ $account }</bdi> にパスキーが追加されました ({ $when })。
mail-passkey-removed-subject = { $product } のパスキーが削除されました
mail-passkey-removed = <bdi>{ $product }</bdi> のアカウント <bdi>{ $account }</bdi> のパスキーが削除されました ({ $when })。
mail-recovery-codes-made-subject = { $product } の新しいリカバリーコード
mail-recovery-codes-made = <bdi>{ $product }</bdi> のアカウント <bdi>{ $account }</bdi> の新しいリカバリーコードが作成されました ({ $when })。以前のコードは使えません。
mail-recovery-code-used-subject = { $product } でリカバリーコードが使われました
mail-recovery-code-used = <bdi>{ $product }</bdi> のアカウント <bdi>{ $account }</bdi> へのログインにリカバリーコードが使われました ({ $when })。
mail-second-factor-guessed-subject = { $product } で誤ったコードが入力されました
mail-second-factor-guessed = <bdi>{ $product }</bdi> のアカウント <bdi>{ $account }</bdi> で、誤ったコードが何度も入力されました ({ $when })。5 分間はコードを受け付けません。
mail-guessed-advice = 入力した人はあなたのパスワードを知っています。心当たりがない場合は、パスワードを変更してください。
mail-new-device-subject = { $product } への新しいログイン
mail-new-device = 最近使っていないブラウザーから、<bdi>{ $product }</bdi> のアカウント <bdi>{ $account }</bdi> へのログインがありました ({ $when })。
mail-not-you = 心当たりがない場合は、ほかの人がアカウントを使っているおそれがあります。パスワードを変更し、ログイン方法とデバイスを確認してください。
mail-account-action = アカウントを開く
mail-link = ボタンが使えない場合は、次のアドレスをブラウザーにコピーしてください:
mail-link-minutes = このリンクは { $minutes ->
   *[other] { $minutes } 分間
 }、1 回だけ使えます。
mail-link-hours = このリンクは { $hours ->
   *[other] { $hours } 時間
 }、1 回だけ使えます。
mail-footer = このメールは <bdi>{ $product }</bdi> から自動的に送信されました。返信は読まれません。
mail-test-subject = { $product } からのテスト
mail-test = このメールが届けば、<bdi>{ $product }</bdi> からメールを送信できます。
mail-test-action = <bdi>{ $product }</bdi> を開く

## The account page

account-title = アカウント
account-overview = 概要
account-security = ログイン方法
account-security-short = ログイン
account-activity = 最近のアクティビティ
account-activity-short = アクティビティ
account-apps-short = アプリ
account-sessions-short = セッション
account-again = ご本人であることを確認しました。まだ何も変更されていません。もう一度選択してください。
account-apps = アクセス権のあるアプリ
account-apps-explanation = 削除したアクセス権は、このサーバーではすぐに無効になります。このサーバーに問い合わせない API は、アプリの最後のトークンを最長 { $minutes } 分間受け付けることがあります。
account-no-apps = アカウントにアクセスできるアプリはありません。
account-since = { $date } から
account-last-used = 最終使用: { $date }
account-remove-access = アクセス権を削除
account-sessions = ログイン中の場所
account-this-session = このブラウザー
account-other-session = 別のブラウザー
session-device = <bdi>{ $system }</bdi> の <bdi>{ $browser }</bdi>
account-signed-in-with = ログイン方法
account-end-session = そこでログアウト
account-end-others = ほかのすべてでログアウト
account-password-changed = { $date } に設定
account-no-password = アカウントにパスワードがありません。
account-change-password = パスワードを変更
account-no-authenticator = スマートフォンのコードがあれば、パスワードを知られても他人はログインできません。
account-authenticator-off = 認証アプリはここでは利用できません。
account-authenticator-demanded = 2 つ目の要素が必須のため、削除できません。
account-remove-authenticator = 認証アプリを削除
account-recovery-codes = リカバリーコード
account-recovery-codes-left = リカバリーコードは残り { $count } 個です。
account-new-recovery-codes = 新しいリカバリーコードを作成
account-new-recovery-codes-note = 現在のコードは使えなくなります。
account-no-activity = まだ何も起きていません。
account-earlier = 以前のもの
event-user-added = アカウントが作成されました
event-user-locked = アカウントがロックされました
event-user-unlocked = アカウントのロックが解除されました
event-claims-updated = アカウント情報が変更されました
event-password-set = パスワードが設定されました
event-second-factor-added = 認証アプリが追加されました
event-second-factor-removed = 認証アプリが削除されました
event-recovery-codes-made = 新しいリカバリーコードが作成されました
event-recovery-code-used = リカバリーコードが使用されました (残り { $left } 個)
event-second-factor-guessed = パスワードを知っている誰かがコードを推測しようとしました
event-session-started = ログインしました
event-session-ended = ブラウザーでログアウトしました
event-sessions-ended = すべてからログアウトしました
event-other-sessions-ended = ほかのすべての場所からログアウトしました
event-consent-given = <bdi>{ $client }</bdi> にアクセスを許可しました
event-access-removed = <bdi>{ $client }</bdi> のアクセス権を削除しました
account-name = 名前
account-name-hint = プロフィールの閲覧を許可したアプリで使われる名前です。
account-name-submit = 名前を保存
problem-name = 128 文字以内の名前を 1 行で入力してください。
account-facts = そのほかの登録情報
account-facts-explanation = 許可したアプリに表示されます。
account-email = メールアドレス
account-phone = 電話番号
claim-given-name = 名
claim-middle-name = ミドルネーム
claim-family-name = 姓
claim-nickname = ニックネーム
claim-address = 住所
claim-groups = グループ
claim-birthdate = 生年月日
claim-gender = 性別
claim-picture = 画像
claim-profile = プロフィールページ
claim-website = ウェブサイト
claim-locale = 言語
claim-zoneinfo = タイムゾーン
account-app-sees = 現在表示できる情報:
account-delete = アカウントを削除
account-delete-explanation = セッション、アプリに与えた権限、ログイン方法がすべてすぐに終了します。元には戻せません。
account-delete-confirm = 確認のため <strong><bdi>{ $account }</bdi></strong> と入力してください
problem-confirmation = このアカウントの名前ではありません。
account-deleted-heading = アカウントを削除しました
account-deleted-explanation = すべての場所でログアウトし、アプリにも通知します。アプリ側に残る情報については、各アプリにお問い合わせください。
home-account = アカウント、アプリ、セッション

## When, and by what

moment-now = 1 時間以内
moment-hours = { $hours } 時間前
factor-password = パスワード
factor-otp = 認証アプリ
factor-recovery-code = リカバリーコード
factor-passkey = パスキー

## Passkeys

account-passkeys = パスキー
account-passkeys-explanation = パスキーを使うと、パスワードなしで、指紋、顔、またはデバイスの PIN でログインできます。
account-no-passkeys = パスキーはまだありません。
account-add-passkey = パスキーを追加
account-passkey-added = 追加日: { $date }
account-passkey-unused = まだ使用されていません
account-passkey-synced = お使いのデバイス
account-passkey-one-device = 1 台のデバイスまたはセキュリティキー
account-passkey-rename = 名前を変更
account-passkey-name = 名前
account-passkey-save-name = 名前を保存
account-passkey-remove = 削除
account-passkey-last = このパスキーは唯一のログイン方法です。削除する前に別のパスキーを追加してください。
account-passkey-demanded = 2 つ目の要素が必須で、このパスキーがその唯一のものです。削除する前に、別のパスキーまたは認証アプリを追加してください。
new-passkey-explanation = 保存先 (このデバイス、パスワードマネージャー、セキュリティキー) はブラウザーが尋ねます。
new-passkey-submit = パスキーを作成
new-passkey-cancelled = パスキーは作成されませんでした。準備ができたらもう一度お試しください。
new-passkey-there = その場所には、このアカウントのパスキーがすでにあります。
new-passkey-failed = このブラウザーではここでパスキーを作成できません。別のブラウザーかデバイスをお試しください。
problem-new-passkey = このパスキーを追加できませんでした。もう一度お試しください。
problem-new-passkey-over = このページを開いていた時間が長すぎました。もう一度お試しください。
problem-new-passkey-not-verified = 先にこのキーの PIN を設定するか、指紋、顔、または PIN でロックを解除するデバイスを使用してください。
problem-new-passkey-not-discoverable = このセキュリティキーには空きがないか、パスキーを保存できません。別のキーを使用してください。
problem-new-passkey-known = このパスキーはすでにアカウントに登録されています。
problem-new-passkey-too-many = パスキーの数が上限に達しています。先に 1 つ削除してください。
passkey-name = パスキー
passkey-security-key = セキュリティキー
account-your-passkeys = あなたのパスキー
event-passkey-added = パスキーが追加されました
event-passkey-renamed = パスキーの名前が変更されました
event-passkey-removed = パスキーが削除されました
event-passkey-count-behind = 複製された可能性のあるパスキーが使用されました
offer-passkey-explanation = 次回は、パスワードなしで、指紋、顔、またはこのデバイスの PIN で <strong><bdi>{ $account }</bdi></strong> としてログインできます。推測されることも、聞き出されることもありません。


## The mail address of the account

phone-change = 電話番号を変更
phone-explanation = 閲覧を許可されたアプリには、確認されていない番号として伝えられます。登録しない場合は空欄にしてください。
phone-hint = +81 3 1234 5678 のように、国番号を付けて入力します。
phone-submit = 電話番号を保存
problem-phone = +81 3 1234 5678 のように、+ と国番号で始まる電話番号を入力してください。
account-address = メールアドレス
address-change = メールアドレスを変更
address-confirmed = 確認済み
address-not-confirmed = 未確認
address-unknown = メールアドレスは登録されていません。
address-explanation = 入力したアドレスにリンクを送ります。リンクをここで開いて確認すると、あなたのアドレスになります。アドレスを見られるアプリには、それから新しいアドレスが表示されます。
address-new = 新しいメールアドレス
address-by-operator = ここでは変更できません。このサービスの管理者に問い合わせてください。
address-sent = <strong><bdi>{ $address }</bdi></strong> にリンクを送りました。1 時間以内にこのブラウザーで開き、そこで確認してください。
problem-address = ada@example.com のようなメールアドレスを入力してください。
confirm-address-heading = メールアドレスの確認
confirm-address-explanation = これから <strong><bdi>{ $address }</bdi></strong> がアカウント <strong><bdi>{ $account }</bdi></strong> のメールアドレスになります。
confirm-address-submit = このアドレスを確認

## アカウントの作成

sign-up-heading = アカウントを作成
sign-up-explanation = メールアドレスを入力してください。ユーザー名とログイン方法を決めるためのリンクをお送りします。
sign-up-domains = 次のドメインのアドレスのみ:
sign-up-sign-in = すでにアカウントを持っています
problem-sign-up-domain = このドメインのアドレスでは、ここでアカウントを作成できません。
sign-up-asked-explanation = そのアドレスにメールをお送りします。24 時間以内にメールのリンクからアカウントを作成できます。すでにアカウントがある場合は、その旨が書かれています。続きから進むには、このブラウザで開いてください。
new-account-for = <strong><bdi>{ $address }</bdi></strong> のアカウント
new-account-username-hint = ログインに使う名前です。
new-account-name = 名前（任意）
new-account-passkey = パスワードの代わりにパスキーを使う
new-account-password = 代わりにパスワードを設定する
problem-username-unfit = このユーザー名は使えません。1 種類の文字体系の文字と数字、記号を 128 文字以内で使ってください。
problem-username-address = メールアドレスの形をしたユーザー名には、ご自分のアドレスしか使えません。
problem-username-taken = このユーザー名はすでに使われています。別のものを選んでください。
